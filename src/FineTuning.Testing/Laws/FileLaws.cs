using FineTuning.Tasks;

namespace FineTuning.Testing;

public static partial class FineTuneAssert
{
    /// <summary>A model that is saved and loaded has the same weights and the same answers, and is saved to the same bytes again.</summary>
    /// <typeparam name="TModel">The model.</typeparam>
    /// <typeparam name="TPrediction">What it answers; compared as JSON.</typeparam>
    /// <param name="model">Stays as it is.</param>
    /// <param name="save">Writes it into a folder, for example <c>(m, folder) => m.Save(folder)</c>.</param>
    /// <param name="load">Reads it, for example <c>folder => Pretrained.TextRegressor(folder)</c>.</param>
    /// <param name="predict">Asks it something.</param>
    /// <exception cref="LawBrokenException">Something is lost, or written otherwise.</exception>
    public static void SavesAndLoads<TModel, TPrediction>(
        TModel model, Action<TModel, string> save, Func<string, TModel> load, Func<TModel, TPrediction> predict)
        where TModel : class, IDisposable
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(save);
        ArgumentNullException.ThrowIfNull(load);
        ArgumentNullException.ThrowIfNull(predict);
        using var folder = new TemporaryFolder();
        (string first, string second) = (folder.Below("first"), folder.Below("second"));
        save(model, first);
        using TModel loaded = load(first) ?? throw new ArgumentException("it gave null; give the model that the folder holds", nameof(load));
        if (model is TunableModel own && loaded is TunableModel other)
            Same(nameof(SavesAndLoads), WeightValues.Of(own.Weights), WeightValues.Of(other.Weights), 0, "the model that was loaded");
        if (Predictions.Difference(predict(model), predict(loaded), 0) is { } difference)
            throw Broken(nameof(SavesAndLoads), difference.Left, difference.Right, $"{difference.Path} of the answer of the model that was loaded");
        save(loaded, second);
        foreach (string path in Directory.EnumerateFiles(first, "*", SearchOption.AllDirectories))
        {
            string name = Path.GetRelativePath(first, path), again = Path.Combine(second, name);
            if (!File.Exists(again)) throw Broken(nameof(SavesAndLoads), "the file", "none", $"'{name}' of the model that was loaded and saved");
            (byte[] before, byte[] after) = (File.ReadAllBytes(path), File.ReadAllBytes(again));
            if (before.AsSpan().SequenceEqual(after)) continue;
            int at = before.AsSpan().CommonPrefixLength(after);
            throw Broken(nameof(SavesAndLoads), $"the same bytes ({Excerpt(before, at)})", $"others ({Excerpt(after, at)})",
                $"byte {at} of '{name}' of the model that was loaded and saved");
        }

        static string Excerpt(byte[] bytes, int at) => System.Text.Encoding.UTF8.GetString(bytes, at, Math.Min(40, bytes.Length - at)).ReplaceLineEndings(" ");
    }
}
