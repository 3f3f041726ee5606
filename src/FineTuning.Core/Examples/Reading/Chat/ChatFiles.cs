namespace FineTuning.Examples;

/// <summary>Conversations from files: OpenAI's messages, ShareGPT's conversations, Alpaca's instructions, prompt and completion as messages.</summary>
public static class Conversations
{
    /// <summary>Reads a JSON file or JSON lines.</summary>
    /// <param name="path">The file; opened again for each enumeration of the conversations.</param>
    /// <param name="form">In which form records are written. Null: found out by the keys of each.</param>
    /// <param name="options">Limits and what happens with problems. Null: the defaults, where the first error is thrown.</param>
    /// <returns>Streamed, in the order of the file.</returns>
    /// <exception cref="Errors.TrainingDataException">While enumerating: a record cannot be used; file and line are named.</exception>
    public static IEnumerable<Conversation> Read(string path, RecordForm? form = null, JsonReadingOptions? options = null) =>
        From(JsonRecords.Read(path, options), form, options?.OnProblem);

    /// <summary>Conversations from rows that are read already.</summary>
    /// <param name="rows">The rows; streamed.</param>
    /// <param name="form">In which form records are written. Null: found out by the keys of each.</param>
    /// <param name="onProblem">Told of every problem, after which reading goes on. Null: the first error is thrown.</param>
    /// <exception cref="Errors.TrainingDataException">While enumerating: a record cannot be used; file and line are named.</exception>
    public static IEnumerable<Conversation> From(IEnumerable<JsonRow> rows, RecordForm? form = null, Action<DataProblem>? onProblem = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return RecordProblems.Map(rows, onProblem, (row, problems) => ConversationReader.Read(row, form, problems));
    }
}

/// <summary>Prompts and completions from files; Alpaca's instructions are put into the prompt of the original release.</summary>
public static class PromptCompletions
{
    /// <inheritdoc cref="Conversations.Read"/>
    public static IEnumerable<PromptCompletion> Read(string path, RecordForm? form = null, JsonReadingOptions? options = null) =>
        From(JsonRecords.Read(path, options), form, options?.OnProblem);

    /// <summary>Prompts and completions from rows that are read already.</summary>
    /// <param name="rows">The rows; streamed.</param>
    /// <param name="form">In which form records are written. Null: found out by the keys of each.</param>
    /// <param name="onProblem">Told of every problem, after which reading goes on. Null: the first error is thrown.</param>
    /// <exception cref="Errors.TrainingDataException">While enumerating: a record cannot be used; file and line are named.</exception>
    public static IEnumerable<PromptCompletion> From(IEnumerable<JsonRow> rows, RecordForm? form = null, Action<DataProblem>? onProblem = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        bool? conversational = null;
        return RecordProblems.Map(rows, onProblem, (row, problems) =>
        {
            PromptCompletion record = PromptCompletionReader.Read(row, form, problems);
            bool turns = record.Prompt.Turns is not null;
            if (conversational is { } first && first != turns) problems.Warn("texts and messages stand in one file: a record of the other kind came before");
            conversational = turns;
            return record;
        });
    }
}

/// <summary>Preference pairs from files: with <c>prompt</c>, with <c>conversations</c>, or as two whole texts or conversations that begin alike.</summary>
public static class PreferencePairs
{
    /// <summary>Reads a JSON file or JSON lines.</summary>
    /// <param name="path">The file; opened again for each enumeration of the pairs.</param>
    /// <param name="options">Limits and what happens with problems. Null: the defaults, where the first error is thrown.</param>
    /// <returns>Streamed, in the order of the file.</returns>
    /// <exception cref="Errors.TrainingDataException">While enumerating: a record cannot be used; file and line are named.</exception>
    public static IEnumerable<PreferencePair> Read(string path, JsonReadingOptions? options = null) =>
        From(JsonRecords.Read(path, options), options?.OnProblem);

    /// <summary>Pairs from rows that are read already.</summary>
    /// <param name="rows">The rows; streamed.</param>
    /// <param name="onProblem">Told of every problem, after which reading goes on. Null: the first error is thrown.</param>
    /// <exception cref="Errors.TrainingDataException">While enumerating: a record cannot be used; file and line are named.</exception>
    public static IEnumerable<PreferencePair> From(IEnumerable<JsonRow> rows, Action<DataProblem>? onProblem = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return RecordProblems.Map(rows, onProblem, PreferenceReader.Read);
    }
}

/// <summary>Completions with a label of true or false from files.</summary>
public static class UnpairedPreferences
{
    /// <inheritdoc cref="PreferencePairs.Read"/>
    public static IEnumerable<UnpairedPreference> Read(string path, JsonReadingOptions? options = null) =>
        From(JsonRecords.Read(path, options), options?.OnProblem);

    /// <summary>Labelled completions from rows that are read already. A file of one label only is an error, which is known at its end.</summary>
    /// <param name="rows">The rows; streamed.</param>
    /// <param name="onProblem">Told of every problem, after which reading goes on. Null: the first error is thrown.</param>
    /// <exception cref="Errors.TrainingDataException">While enumerating: a record cannot be used; file and line are named.</exception>
    public static IEnumerable<UnpairedPreference> From(IEnumerable<JsonRow> rows, Action<DataProblem>? onProblem = null)
    {
        ArgumentNullException.ThrowIfNull(rows);
        return Balanced(rows, onProblem);
    }

    private static IEnumerable<UnpairedPreference> Balanced(IEnumerable<JsonRow> rows, Action<DataProblem>? onProblem)
    {
        (int desirable, int undesirable, int read, string? file) = (0, 0, 0, null);
        UnpairedPreference Read(JsonRow row, RecordProblems problems)
        {
            (file, read) = (row.File, read + 1);
            return PromptCompletionReader.ReadUnpaired(row, problems);
        }
        foreach (UnpairedPreference record in RecordProblems.Map(rows, onProblem, Read))
        {
            _ = record.IsDesirable ? desirable++ : undesirable++;
            yield return record;
        }
        if (file is null || (desirable > 0) == (undesirable > 0)) yield break;
        string problem = $"every label is {(desirable > 0 ? "true" : "false")}: desirable and undesirable completions are both needed";
        // Where records were left out, the other label may have stood in them: their errors have been told.
        if (read == desirable + undesirable) new ProblemSink(file, onProblem).Error(null, problem);
        else new ProblemSink(file, onProblem).Warn(null, problem);
    }
}
