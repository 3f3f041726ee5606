using FineTuning.Errors;
using FineTuning.Models;

namespace FineTuning.Heads;

/// <summary>config.json's problem_type: for what a head that stands in the checkpoint was trained.</summary>
internal static class ProblemType
{
    public const string SingleLabel = "single_label_classification";
    public const string MultiLabel = "multi_label_classification";
    public const string Regression = "regression";

    /// <summary>
    /// Refuses a head that was trained for something else: a softmax over outputs that were trained one by one gives numbers that mean nothing.
    /// </summary>
    /// <param name="head">Trunk and head.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="expected">What the head is used for.</param>
    /// <exception cref="CheckpointException">The head was trained for something else.</exception>
    public static void Require(OutputHead head, string name, string expected)
    {
        if (head.Trunk.Plan.ProblemType is not { } found || found == expected || head.LoadReport.Fresh.Count > 0) return;
        string remedy = found switch
        {
            SingleLabel => "open it with Pretrained.TextClassifier",
            MultiLabel => "open it with Pretrained.TextMultiLabeler",
            Regression => "open it with Pretrained.TextRegressor",
            _ => $"{SingleLabel}, {MultiLabel} and {Regression} are known; correct config.json",
        };
        throw new CheckpointException(name, $"config.json says of its head problem_type '{found}', but it is used for '{expected}'; "
            + $"{remedy}, or set FreshHead to train a fresh head for the other purpose");
    }
}
