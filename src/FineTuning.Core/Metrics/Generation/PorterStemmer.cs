namespace FineTuning.Metrics;

/// <summary>The stemmer of Porter (1980) with the additions that NLTK makes, which ROUGE and METEOR are published with.</summary>
internal static class PorterStemmer
{
    private static readonly Dictionary<string, string> Irregular = new(StringComparer.Ordinal)
    {
        ["skies"] = "sky", ["sky"] = "sky", ["dying"] = "die", ["lying"] = "lie", ["tying"] = "tie", ["news"] = "news", ["innings"] = "inning",
        ["inning"] = "inning", ["outings"] = "outing", ["outing"] = "outing", ["cannings"] = "canning", ["canning"] = "canning", ["howe"] = "howe",
        ["proceed"] = "proceed", ["exceed"] = "exceed", ["succeed"] = "succeed",
    };

    private static readonly (string Suffix, string Replacement)[] Plurals = [("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")];

    private static readonly (string Suffix, string Replacement)[] DoubleSuffixes =
    [
        ("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble"), ("alli", "al"), ("entli", "ent"),
        ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate"), ("ator", "ate"), ("alism", "al"), ("iveness", "ive"),
        ("fulness", "ful"), ("ousness", "ous"), ("aliti", "al"), ("iviti", "ive"), ("biliti", "ble"), ("fulli", "ful"),
    ];

    private static readonly (string Suffix, string Replacement)[] Endings =
        [("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", "")];

    private static readonly string[] Remainders = ["al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion", "ou", "ism",
        "ate", "iti", "ous", "ive", "ize"];

    /// <summary>The stem of a word in lower case.</summary>
    public static string Stem(string word)
    {
        if (Irregular.TryGetValue(word, out string? stem)) return stem;
        return word.Length <= 2 ? word : Step5B(Step5A(Step4(Step3(Step2(Step1C(Step1B(Step1A(word))))))));
    }

    private static string Step1A(string word) => word.Length == 4 && Ends(word, "ies") ? word[..^1] : Replaced(word, Plurals, _ => true);

    private static string Step1B(string word)
    {
        if (Ends(word, "ied")) return word.Length == 4 ? word[..^1] : word[..^2];
        if (Ends(word, "eed")) return Measure(word[..^3]) > 0 ? word[..^1] : word;
        string? stem = Ends(word, "ed") && HasVowel(word[..^2]) ? word[..^2] : Ends(word, "ing") && HasVowel(word[..^3]) ? word[..^3] : null;
        if (stem is null) return word;
        if (Ends(stem, "at") || Ends(stem, "bl") || Ends(stem, "iz")) return stem + "e";
        if (EndsInDoubleConsonant(stem)) return stem[^1] is 'l' or 's' or 'z' ? stem : stem[..^1];
        return Measure(stem) == 1 && EndsShort(stem) ? stem + "e" : stem;
    }

    private static string Step1C(string word) => Ends(word, "y") && word.Length > 2 && IsConsonant(word, word.Length - 2) ? word[..^1] + "i" : word;

    private static string Step2(string word)
    {
        if (Ends(word, "alli") && Measure(word[..^4]) > 0) return Step2(word[..^2]);
        // The l of logi counts as the stem's, so that geology and archaeology go together.
        if (Ends(word, "logi") && !Array.Exists(DoubleSuffixes, rule => Ends(word, rule.Suffix))) return Measure(word[..^3]) > 0 ? word[..^1] : word;
        return Replaced(word, DoubleSuffixes, stem => Measure(stem) > 0);
    }

    private static string Step3(string word) => Replaced(word, Endings, stem => Measure(stem) > 0);

    private static string Step4(string word)
    {
        foreach (string suffix in Remainders)
        {
            if (!Ends(word, suffix)) continue;
            string stem = word[..^suffix.Length];
            return Measure(stem) > 1 && (suffix != "ion" || stem[^1] is 's' or 't') ? stem : word;
        }
        return word;
    }

    private static string Step5A(string word)
    {
        if (!Ends(word, "e")) return word;
        string stem = word[..^1];
        int measure = Measure(stem);
        return measure > 1 || (measure == 1 && !EndsShort(stem)) ? stem : word;
    }

    private static string Step5B(string word) => Ends(word, "ll") && Measure(word[..^1]) > 1 ? word[..^1] : word;

    /// <summary>The first suffix that the word has decides, also where its condition does not hold.</summary>
    private static string Replaced(string word, (string Suffix, string Replacement)[] rules, Func<string, bool> condition)
    {
        foreach ((string suffix, string replacement) in rules)
        {
            if (!Ends(word, suffix)) continue;
            string stem = word[..^suffix.Length];
            return condition(stem) ? stem + replacement : word;
        }
        return word;
    }

    private static bool Ends(string word, string suffix) => word.EndsWith(suffix, StringComparison.Ordinal);

    private static bool IsConsonant(string word, int index)
    {
        // A y is what the letter before it is not; a run of them alternates.
        int first = index;
        while (first > 0 && word[first] == 'y') first--;
        bool consonant = word[first] is not ('a' or 'e' or 'i' or 'o' or 'u');
        return (index - first) % 2 == 0 ? consonant : !consonant;
    }

    private static int Measure(string stem)
    {
        int measure = 0;
        for (int i = 1; i < stem.Length; i++)
        {
            if (IsConsonant(stem, i) && !IsConsonant(stem, i - 1)) measure++;
        }
        return measure;
    }

    private static bool HasVowel(string stem) => Enumerable.Range(0, stem.Length).Any(i => !IsConsonant(stem, i));

    private static bool EndsInDoubleConsonant(string word) => word.Length >= 2 && word[^1] == word[^2] && IsConsonant(word, word.Length - 1);

    // Consonant, vowel, consonant other than w, x, y; or a word of two letters, vowel and consonant.
    private static bool EndsShort(string word) => word.Length >= 3
        ? IsConsonant(word, word.Length - 3) && !IsConsonant(word, word.Length - 2) && IsConsonant(word, word.Length - 1) && word[^1] is not ('w' or 'x' or 'y')
        : word.Length == 2 && !IsConsonant(word, 0) && IsConsonant(word, 1);
}
