using FineTuning.Examples;
using FineTuning.Training;

namespace FineTuning.Processes;

/// <summary>The first sample of docs/custom-task.md, before anything of the library has run in the process: it makes a module of TorchSharp in its constructor.</summary>
internal static class OwnTask
{
    /// <returns>0: it was trained, and answers rightly.</returns>
    public static int Run()
    {
        using var guesser = new LanguageGuesser("English", "German");
        LabeledText<string>[] sentences = [new("they were thinking about the other half of it", "English"), new("zwischen den Bergen zwitschern zwei Finken", "German")];
        TrainingResult result = FineTuner.For(guesser).WithOptimizer(Optimizer.AdamW(learningRate: 0.05)).Epochs(30).BatchSize(2).ValidateOn(sentences).Train(sentences);
        return result.Metrics!["accuracy"] == 1 && guesser.Predict(sentences[1].Text) == "German" ? 0 : 1;
    }
}
