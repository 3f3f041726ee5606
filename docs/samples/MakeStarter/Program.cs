// Makes the checkpoint that QuickStart carries: a compact BERT of random weights with a WordPiece vocabulary of its own, trained on the sample's sentences.
// dotnet run --project docs/samples/MakeStarter -- [output folder]
using FineTuning.Examples;
using FineTuning.Models;
using FineTuning.Text;

string samples = Directory.Exists("docs/samples/QuickStart") ? "docs/samples/QuickStart" : throw new DirectoryNotFoundException("run this from the root of the repository");
string folder = args.Length > 0 ? args[0] : Path.Combine(samples, "starter");

// Only the training sentences: what is tested on has not been seen by anything, the vocabulary included.
string[] sentences = [.. Csv.Read(Path.Combine(samples, "data", "train.csv")).Select(row => row["text"])];
TrainedVocabulary vocabulary = VocabularyTrainer.WordPiece(sentences, new VocabularyOptions { Size = 1000, MaximumLength = 64 });
vocabulary.Save(folder);

string configuration = $$"""
    {
      "architectures": ["BertModel"], "model_type": "bert", "vocab_size": {{vocabulary.Entries.Count}}, "hidden_size": 128, "num_hidden_layers": 2,
      "num_attention_heads": 4, "intermediate_size": 256, "max_position_embeddings": 64, "type_vocab_size": 2, "hidden_act": "gelu",
      "hidden_dropout_prob": 0.1, "attention_probs_dropout_prob": 0.1, "layer_norm_eps": 1e-12, "initializer_range": 0.02, "pad_token_id": 0
    }
    """;
using EncoderModel model = EncoderModel.Create(configuration, HeadKind.None, options: new ModelLoadOptions { Seed = 2026 });
model.Save(folder);
Console.WriteLine($"{folder}: {vocabulary.Entries.Count} entries, {model.Weights.ParameterCount():N0} parameters, {Directory.GetFiles(folder).Sum(file => new FileInfo(file).Length) / 1024:N0} KB");
