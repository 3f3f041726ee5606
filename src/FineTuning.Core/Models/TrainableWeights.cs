namespace FineTuning.Models;

/// <summary>Which weights trained when this was made.</summary>
internal sealed class TrainableWeights(IEnumerable<Weight> weights)
{
    private readonly (Weight Weight, bool Trains)[] _before = [.. weights.Select(weight => (weight, weight.IsTrainable))];

    /// <summary>Lets the same ones train again, and no others.</summary>
    public void Restore()
    {
        foreach ((Weight weight, bool trains) in _before) weight.IsTrainable = trains;
    }
}
