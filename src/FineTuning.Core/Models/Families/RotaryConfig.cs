namespace FineTuning.Models;

/// <summary>config.json's keys of rotary positions: rope_parameters of the 5.x line, rope_theta and rope_scaling of the 4.x line.</summary>
internal static class RotaryConfig
{
    /// <param name="config">The configuration.</param>
    /// <param name="width">Channels a head.</param>
    /// <param name="layerType">The section of rope_parameters where layers differ, for example <c>sliding_attention</c>; null: they do not.</param>
    /// <param name="fallbackBase">The base where none is named.</param>
    /// <param name="fallbackShare">The share of a head's channels that turn where none is named.</param>
    public static RotaryPlan Read(ConfigFile config, int width, string? layerType = null, double fallbackBase = 10000, double fallbackShare = 1)
    {
        ConfigFile? parameters = config.Section("rope_parameters");
        if (layerType is not null) parameters = parameters?.Section(layerType) ?? parameters;
        ConfigFile? scaling = parameters ?? config.Section("rope_scaling");
        double own = config.Number("rope_theta", fallbackBase, 1, 1e12);
        double wavelengthBase = parameters?.Number("rope_theta", own, 1, 1e12) ?? own;
        double share = config.Number("partial_rotary_factor", fallbackShare, 0, 1);
        share = parameters?.Number("partial_rotary_factor", share, 0, 1) ?? share;
        int turned = (int)(width * share);
        if (turned < 2 || turned % 2 != 0) throw config.Fault($"rotary positions need heads of an even width; {turned} of {width} channels were found");
        return new(wavelengthBase, turned) { Scaling = scaling is null ? null : Scaling(config, scaling, turned) };
    }

    private static RotaryScaling? Scaling(ConfigFile config, ConfigFile own, int width)
    {
        string kind = own.Text("rope_type") ?? own.Text("type") ?? "default";
        // Early Phi-3 files say su or yarn where they mean longrope.
        if (kind == "su" || (kind == "yarn" && own.Has("short_factor"))) kind = "longrope";
        int positions = config.Count("max_position_embeddings", 2048);
        int original = own.Count("original_max_position_embeddings", config.Count("original_max_position_embeddings", positions));
        double factor = own.Number("factor", kind == "longrope" ? (double)positions / original : 1, 1e-3, 1e6);
        return kind switch
        {
            "default" => null,
            "linear" => new LinearScaling(factor),
            "dynamic" => new DynamicScaling(factor, original),
            "llama3" => Llama3(own, factor, original),
            "yarn" => Yarn(own, factor, original),
            "longrope" => LongRope(own, factor, original, width),
            _ => throw config.Fault($"the rotary scaling '{kind}' is not supported; default, linear, dynamic, yarn, llama3 and longrope are"),
        };
    }

    private static Llama3Scaling Llama3(ConfigFile own, double factor, int original)
    {
        double low = own.Number("low_freq_factor", 1, 1e-3, 1e6), high = own.Number("high_freq_factor", 4, 1e-3, 1e6);
        return high > low ? new(factor, low, high, original) : throw own.Fault($"'high_freq_factor' is {high}; more than 'low_freq_factor' {low} was expected");
    }

    private static YarnScaling Yarn(ConfigFile own, double factor, int original)
    {
        double fast = own.Number("beta_fast", 32, 1e-3, 1e6), slow = own.Number("beta_slow", 1, 1e-3, 1e6);
        double all = own.Number("mscale_all_dim", 0, 0, 1e3), one = own.Number("mscale", 0, 0, 1e3);
        double known = one > 0 && all > 0 ? Magnitude(one) / Magnitude(all) : Magnitude(1);
        return new(factor, fast, slow, original, own.Number("attention_factor", known, 0, 1e6), own.Flag("truncate", true));

        double Magnitude(double scale) => factor <= 1 ? 1 : (0.1 * scale * Math.Log(factor)) + 1;
    }

    private static LongRopeScaling LongRope(ConfigFile own, double factor, int original, int width)
    {
        IReadOnlyList<double> near = own.Numbers("short_factor", width / 2), far = own.Numbers("long_factor", width / 2);
        double known = factor <= 1 ? 1 : Math.Sqrt(1 + (Math.Log(factor) / Math.Log(original)));
        return new(near, far, original, own.Number("attention_factor", known, 0, 1e6));
    }
}
