namespace FineTuning.Models;

/// <summary>What config.json says of the head that stands in a folder: what it is for, and what its outputs are called.</summary>
/// <remarks>The shape of an output layer does not say what it is for: a tagger's of BERT is called and shaped as that of a classifier.</remarks>
internal sealed class CheckpointHead(ConfigFile config)
{
    // GPT-2's name of a head over the vocabulary.
    private const string LanguageModel = "LMHeadModel";

    // Marian's name of one that reads another text.
    private const string TranslationModel = "MTModel";

    // The heads of pretraining are not those of a task: a pooler beside them was pretrained with the trunk.
    private static readonly string[] Pretraining = ["ForMaskedLM", "ForPreTraining", "ForNextSentencePrediction", "ForCausalLM",
        LanguageModel, "ForConditionalGeneration", TranslationModel];

    private readonly IReadOnlyList<string> _classes = config.Words("architectures");

    /// <summary>Whether the head is for a use. Null: config.json does not say, since it names no class or one without a head.</summary>
    public bool? Serves(HeadKind kind)
    {
        if (_classes.Any(name => Endings(kind).Any(ending => name.EndsWith(ending, StringComparison.Ordinal)))) return true;
        return _classes.Any(NamesHead) ? false : null;
    }

    /// <summary>Whether the head is that of a task, and not of pretraining. Null: config.json does not say.</summary>
    public bool? IsOfTask => _classes.Any(NamesHead) ? !_classes.All(name => Pretraining.Any(ending => name.EndsWith(ending, StringComparison.Ordinal))) : null;

    /// <summary>The names of the outputs, in their order: id2label, or label2id where that is missing; empty where there is neither.</summary>
    /// <exception cref="Errors.CheckpointException">They contradict each other, or leave an output without a name.</exception>
    public IReadOnlyList<string> Names()
    {
        IReadOnlyDictionary<int, string> labels = config.Labels();
        string[] names = [.. labels.OrderBy(pair => pair.Key).Select(pair => pair.Value)];
        if (names.Length > 0 && labels.Keys.Max() != names.Length - 1)
        {
            throw config.Fault(
                $"'id2label' names the outputs {string.Join(", ", labels.Keys.Order().Take(8))}; the numbers from 0 to {names.Length - 1} were expected");
        }
        foreach ((string name, int id) in config.OutputsByName())
        {
            int found = Array.IndexOf(names, name);
            if (found < 0 || found == id || (id < names.Length && names[id] == name)) continue;
            throw config.Fault(
                $"'id2label' gives the name '{ConfigFile.Shorten(name)}' to output {found}, 'label2id' to output {id}; correct the one that is wrong");
        }
        return names;
    }

    private static string[] Endings(HeadKind kind)
    {
        if (kind == HeadKind.None) return [];
        if (kind == HeadKind.MaskedLanguage) return [kind.ClassSuffix, "ForPreTraining"];
        if (kind == HeadKind.SequenceToSequence) return [kind.ClassSuffix, LanguageModel, TranslationModel];
        return kind == HeadKind.CausalLanguage ? [kind.ClassSuffix, LanguageModel] : [kind.ClassSuffix];
    }

    /// <summary>Whether a class is one with a head: BertForMultipleChoice is, BertModel is not.</summary>
    private static bool NamesHead(string name)
    {
        if (name.EndsWith(LanguageModel, StringComparison.Ordinal) || name.EndsWith(TranslationModel, StringComparison.Ordinal)) return true;
        int start = name.IndexOf("For", StringComparison.Ordinal);
        return start > 0 && start + 3 < name.Length && char.IsUpper(name[start + 3]);
    }
}
