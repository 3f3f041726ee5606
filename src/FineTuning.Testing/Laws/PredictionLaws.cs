using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Tasks;
using FineTuning.Tensors;
using static TorchSharp.torch;

namespace FineTuning.Testing;

public static partial class FineTuneAssert
{
    /// <summary>An input is answered alike alone, among others, and in another order.</summary>
    /// <typeparam name="TInput">What is asked.</typeparam>
    /// <typeparam name="TPrediction">What is answered; compared as JSON.</typeparam>
    /// <param name="predictor">Asked.</param>
    /// <param name="inputs">Two or more of different lengths, not in the order of their lengths.</param>
    /// <param name="tolerance">Of numbers in the answers. Default 1e-4.</param>
    /// <exception cref="LawBrokenException">An answer depends on the batch, or belongs to another input.</exception>
    public static void BatchInvariant<TInput, TPrediction>(IPredictor<TInput, TPrediction> predictor, IReadOnlyList<TInput> inputs, double tolerance = 1e-4)
    {
        ArgumentNullException.ThrowIfNull(predictor);
        BatchInvariant(some => predictor.PredictBatch(some), inputs, tolerance);
    }

    /// <summary>An input is answered alike alone, among others, and in another order.</summary>
    /// <typeparam name="TInput">What is asked.</typeparam>
    /// <typeparam name="TPrediction">What is answered; compared as JSON.</typeparam>
    /// <param name="predict">Answers many inputs, in their order.</param>
    /// <param name="inputs">Two or more of different lengths, not in the order of their lengths.</param>
    /// <param name="tolerance">Of numbers in the answers. Default 1e-4.</param>
    /// <exception cref="LawBrokenException">An answer depends on the batch, or belongs to another input.</exception>
    public static void BatchInvariant<TInput, TPrediction>(
        Func<IReadOnlyList<TInput>, IReadOnlyList<TPrediction>> predict, IReadOnlyList<TInput> inputs, double tolerance = 1e-4)
    {
        ArgumentNullException.ThrowIfNull(predict);
        Runs.Require(inputs, 2);
        IReadOnlyList<TPrediction> together = predict(inputs), reversed = predict([.. inputs.Reverse()]);
        for (int i = 0; i < inputs.Count; i++)
        {
            TPrediction alone = predict([inputs[i]])[0];
            Check(alone, together[i], $"input {i} among others", i);
            Check(alone, reversed[inputs.Count - 1 - i], $"input {i} among others in reverse", i);
        }

        void Check(TPrediction alone, TPrediction among, string where, int index)
        {
            if (Predictions.Difference(alone, among, tolerance) is { } difference)
                throw Broken(nameof(BatchInvariant), $"{difference.Left}, as alone", difference.Right, $"{difference.Path} of the answer to {where}");
        }
    }

    /// <summary>Inputs that ask for adapters of their own get what each adapter answers when it is the model's.</summary>
    /// <typeparam name="TInput">What is asked.</typeparam>
    /// <typeparam name="TPrediction">What is answered; compared as JSON.</typeparam>
    /// <param name="model">Has the adapters.</param>
    /// <param name="predictor">The same model.</param>
    /// <param name="inputs">One or more, not in the order of their lengths.</param>
    /// <param name="names">The adapter of each; null: the base.</param>
    /// <param name="tolerance">Of numbers in the answers. Default 1e-4.</param>
    /// <exception cref="LawBrokenException">An input got another's adapter.</exception>
    public static void RoutesEachInput<TInput, TPrediction>(TunableModel model, IPredictor<TInput, TPrediction> predictor, IReadOnlyList<TInput> inputs,
        IReadOnlyList<string?> names, double tolerance = 1e-4)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(predictor);
        ArgumentNullException.ThrowIfNull(names);
        Runs.Require(inputs, 1);
        TPrediction[] alone = [.. inputs.Select((input, i) =>
        {
            if (names[i] is { } name) model.UseAdapter(name);
            else model.WithoutAdapter();
            return predictor.Predict(input);
        })];
        IReadOnlyList<TPrediction> routed = model.Adapters.Route(names, () => predictor.PredictBatch(inputs));
        for (int i = 0; i < inputs.Count; i++)
        {
            if (Predictions.Difference(alone[i], routed[i], tolerance) is { } difference)
                throw Broken(nameof(RoutesEachInput), $"{difference.Left}, as with '{names[i] ?? "no adapter"}' alone", difference.Right,
                    $"{difference.Path} of the answer to input {i}");
        }
    }

    /// <summary>Callers at the same time get what one after the other gets.</summary>
    /// <typeparam name="TInput">What is asked.</typeparam>
    /// <typeparam name="TPrediction">What is answered; compared as JSON.</typeparam>
    /// <param name="predictor">Asked from several threads.</param>
    /// <param name="inputs">One or more.</param>
    /// <param name="threads">How many threads, each of which asks everything. Default 4.</param>
    /// <param name="tolerance">Of numbers in the answers. Default 1e-5.</param>
    /// <exception cref="LawBrokenException">An answer depends on who else asks.</exception>
    public static void ConcurrencyInvariant<TInput, TPrediction>(
        IPredictor<TInput, TPrediction> predictor, IReadOnlyList<TInput> inputs, int threads = 4, double tolerance = 1e-5)
    {
        ArgumentNullException.ThrowIfNull(predictor);
        Runs.Require(inputs, 1);
        TPrediction[] serial = [.. inputs.Select(predictor.Predict)];
        Task<(string Path, string Left, string Right)?>[] all = [.. Enumerable.Range(0, threads).Select(thread => Task.Run(() =>
        {
            for (int i = 0; i < inputs.Count; i++)
            {
                int own = (i + thread) % inputs.Count;
                if (Predictions.Difference(serial[own], predictor.Predict(inputs[own]), tolerance) is { } difference)
                    return ($"{difference.Path} of the answer to input {own} in thread {thread}", difference.Left, difference.Right);
            }
            return ((string, string, string)?)null;
        }))];
        foreach (Task<(string Path, string Left, string Right)?> task in all)
        {
            if (task.GetAwaiter().GetResult() is { } found) throw Broken(nameof(ConcurrencyInvariant), $"{found.Left}, as alone", found.Right, found.Path);
        }
    }

    /// <summary>What is kept to be faster does not outlive the weights that it was made of: after training, it answers as a model that keeps nothing.</summary>
    /// <typeparam name="TPrediction">What is answered; compared as JSON.</typeparam>
    /// <param name="answer">Asks the model that keeps something (a shared prompt, a cache).</param>
    /// <param name="fresh">Asks the same of the same weights without it.</param>
    /// <param name="train">Changes the weights so far that the answer is another.</param>
    /// <param name="tolerance">Of numbers in the answers. Default 1e-4.</param>
    /// <exception cref="LawBrokenException">Something stale answers.</exception>
    public static void KeepsNothingStale<TPrediction>(Func<TPrediction> answer, Func<TPrediction> fresh, Action train, double tolerance = 1e-4)
    {
        ArgumentNullException.ThrowIfNull(answer);
        ArgumentNullException.ThrowIfNull(fresh);
        ArgumentNullException.ThrowIfNull(train);
        TPrediction before = answer();
        Check(before, fresh(), "before training");
        train();
        TPrediction right = fresh();
        if (Predictions.Difference(before, right, 0) is null)
            throw new ArgumentException("training did not change the answer: train for longer", nameof(train));
        Check(answer(), right, "after training");

        void Check(TPrediction found, TPrediction expected, string when)
        {
            if (Predictions.Difference(expected, found, tolerance) is { } difference)
                throw Broken(nameof(KeepsNothingStale), difference.Left, difference.Right, $"{difference.Path} of the answer {when}");
        }
    }

    /// <summary>A model that computes NaN gives no answer but a <see cref="NonFiniteException"/>.</summary>
    /// <param name="model">One weight is made NaN and put back.</param>
    /// <param name="ask">Asks it something.</param>
    /// <exception cref="LawBrokenException">It answered, or failed otherwise.</exception>
    public static void RefusesNonFinite(TunableModel model, Action ask)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(ask);
        WeightValues kept = WeightValues.Of(model.Weights);
        using (IDisposable scope = NewDisposeScope(), still = no_grad())
        {
            foreach (Weight weight in model.Weights) weight.Value.fill_(Scalars.Held(float.NaN));
        }
        Exception? found = null;
        try
        {
            ask();
        }
        catch (Exception failure)
        {
            found = failure;
        }
        finally
        {
            kept.Restore(model.Weights);
        }
        if (found is not NonFiniteException)
            throw Broken(nameof(RefusesNonFinite), nameof(NonFiniteException), found?.GetType().Name ?? "an answer", "a model whose weights are NaN");
    }

    /// <summary>While a run trains the model, predictions are refused with an <see cref="InvalidOperationException"/>.</summary>
    /// <typeparam name="TExample">What the model trains on.</typeparam>
    /// <param name="model">Is trained for a step.</param>
    /// <param name="examples">One or more.</param>
    /// <param name="ask">Asks it something.</param>
    /// <exception cref="LawBrokenException">It answered from weights that were being changed.</exception>
    public static void RefusedWhileTraining<TExample>(TunableModel<TExample> model, IReadOnlyList<TExample> examples, Action ask)
    {
        ArgumentNullException.ThrowIfNull(ask);
        Runs.Require(examples, 1);
        string found = "nobody asked";
        Runs.Plain(model).Steps(1).BatchSize(examples.Count).OnProgress(progress =>
        {
            if (progress.Phase != Training.TrainingPhase.Training) return;
            Exception? failure = Task.Run(() =>
            {
                try
                {
                    ask();
                    return null;
                }
                catch (Exception thrown)
                {
                    return thrown;
                }
            }).GetAwaiter().GetResult();
            found = failure is null ? "an answer" : failure.GetType().Name;
        }).Train(examples);
        if (found != nameof(InvalidOperationException))
            throw Broken(nameof(RefusedWhileTraining), nameof(InvalidOperationException), found, "a question while a run trains the model");
    }
}
