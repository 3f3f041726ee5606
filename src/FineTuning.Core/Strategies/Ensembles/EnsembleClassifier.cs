using FineTuning.Errors;
using FineTuning.Heads;
using FineTuning.Tasks;

namespace FineTuning.Strategies;

/// <summary>Several classifiers of the same labels as one: the mean of their probabilities.</summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
/// <remarks>
/// Prediction is thread-safe and takes the time of all members. Members are saved one by one; an ensemble is made again of those that were loaded. It owns its
/// members: whoever makes it disposes it, and they go with it.
/// </remarks>
public sealed class EnsembleClassifier<TLabel> : IPredictor<string, Classification<TLabel>>, IDisposable
    where TLabel : notnull
{
    private int _disposed;

    /// <summary>Makes one of several.</summary>
    /// <param name="members">One or more, of the same labels in any order; owned by the ensemble from now on.</param>
    /// <exception cref="InvalidOptionsException">There is none, or a member has other labels than the first.</exception>
    public EnsembleClassifier(IReadOnlyList<TextClassifier<TLabel>> members)
    {
        NullMembers.RequireEntries(members, nameof(members));
        if (members.Count == 0) throw new InvalidOptionsException(["an ensemble has no members: give one or more classifiers"]);
        HashSet<TLabel> labels = [.. members[0].LabelSet.Labels];
        string[] others = [.. members.Select((member, i) => (Member: member, i)).Where(pair => !labels.SetEquals(pair.Member.LabelSet.Labels))
            .Select(pair => $"member {pair.i} has the labels {string.Join(", ", pair.Member.LabelSet.Names)}; member 0 has "
                + string.Join(", ", members[0].LabelSet.Names))];
        if (others.Length > 0) throw new InvalidOptionsException(others);
        Members = [.. members];
    }

    /// <summary>The classifiers.</summary>
    public IReadOnlyList<TextClassifier<TLabel>> Members { get; }

    /// <inheritdoc/>
    public Classification<TLabel> Predict(string input)
    {
        ArgumentNullException.ThrowIfNull(input);
        return PredictBatch([input])[0];
    }

    /// <inheritdoc/>
    public IReadOnlyList<Classification<TLabel>> PredictBatch(IReadOnlyList<string> inputs, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _disposed) != 0, this);
        IReadOnlyList<Classification<TLabel>>[] all = [.. Members.Select(member => member.PredictBatch(inputs, cancellation))];
        return [.. inputs.Select((_, i) => Mean([.. all.Select(answers => answers[i])]))];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _disposed, 1) != 0) return;
        foreach (TextClassifier<TLabel> member in Members) member.Dispose();
    }

    /// <summary>One answer of several: labels are found by themselves, whatever their order in a member is.</summary>
    internal static Classification<TLabel> Mean(IReadOnlyList<Classification<TLabel>> answers)
    {
        // The order of the first breaks ties, as it does in a single answer.
        LabelScore<TLabel>[] scores = [.. answers[0].Scores.Select(score => new LabelScore<TLabel>(score.Label, answers.Average(answer =>
            answer.Scores.First(other => EqualityComparer<TLabel>.Default.Equals(other.Label, score.Label)).Score))).OrderByDescending(score => score.Score)];
        return new(scores[0].Label, scores[0].Score, scores, answers.Max(answer => answer.TruncatedTokens));
    }
}

/// <summary>Classifiers that were trained to answer together, and what each and all reach.</summary>
/// <typeparam name="TLabel">An enum, string, bool or integer.</typeparam>
/// <remarks>Whoever has it disposes <see cref="Model"/>.</remarks>
public sealed class EnsembleResult<TLabel>
    where TLabel : notnull
{
    internal EnsembleResult(EnsembleClassifier<TLabel> model, IReadOnlyList<Training.TrainingResult> runs, Metrics.MetricReport together) =>
        (Model, Runs, Together) = (model, runs, together);

    /// <summary>The ensemble.</summary>
    public EnsembleClassifier<TLabel> Model { get; }

    /// <summary>The run of each member.</summary>
    public IReadOnlyList<Training.TrainingResult> Runs { get; }

    /// <summary>
    /// Over seeds: what all reach together on the validation data. Over folds: what the member that has not seen a row reaches, over all rows; together they
    /// are
    /// better than that, by how much is not known.
    /// </summary>
    public Metrics.MetricReport Together { get; }

    /// <summary>The mean accuracy of the members, and that of all together.</summary>
    public override string ToString()
    {
        double mean = Runs.Average(run => run.Metrics?["accuracy"] ?? double.NaN);
        return string.Create(System.Globalization.CultureInfo.InvariantCulture,
            $"{Runs.Count} members: accuracy {mean:0.####} on average, {Together["accuracy"]:0.####} together");
    }
}
