using FineTuning.Errors;
using FineTuning.Models;
using FineTuning.Text;

namespace FineTuning.Heads;

/// <summary>Whether every id that a tokenizer gives has a row in the embeddings.</summary>
internal static class VocabularyFit
{
    /// <exception cref="CheckpointException">An id is outside the embeddings: of the vocabulary, of an added token, of the template, or of padding.</exception>
    public static void Require(ModelSpec spec, PretrainedTokenizer tokenizer)
    {
        (int id, string what) = Highest(tokenizer);
        string path = tokenizer.Parts.Folder.Length > 0 ? tokenizer.Parts.Folder : "the tokenizer";
        if (id >= spec.VocabularySize)
        {
            throw new CheckpointException(
                path, $"the tokenizer does not fit the weights: {what} has the id {id} (its vocabulary needs {id + 1} rows), but the embeddings have {spec.VocabularySize} rows. Take the tokenizer " +
                "that belongs to the weights, or widen the embeddings with Pretrained.AddTokens");
        }
        if (spec.PadTokenId >= spec.VocabularySize) throw new CheckpointException(path, $"'pad_token_id' in config.json is {spec.PadTokenId}, but the embeddings have {spec.VocabularySize} rows");
    }

    private static (int Id, string What) Highest(PretrainedTokenizer tokenizer)
    {
        (int Id, string What) highest = (-1, "");
        foreach ((string token, int id) in tokenizer.Parts.Model.Vocabulary) Note(id, token, "the token");
        foreach (AddedToken token in tokenizer.Parts.AddedTokens) Note(token.Id, token.Content, "the added token");
        foreach (TemplatePart part in tokenizer.Parts.Template.Single.Concat(tokenizer.Parts.Template.Pair))
        {
            foreach (int id in part.Ids) Note(id, tokenizer.Token(id) ?? "", "the template's token");
        }
        return highest;

        void Note(int id, string token, string kind)
        {
            if (id > highest.Id) highest = (id, $"{kind} '{Excerpt.Of(token)}'");
        }
    }
}
