namespace FineTuning.Models;

/// <summary>The linear layers and embedding tables of a trunk or head, by the names that the checkpoint gives their modules.</summary>
/// <remarks>Filled while the model is built; reading is thread-safe.</remarks>
internal sealed class ModuleIndex
{
    private readonly Dictionary<string, LinearModule> _linears = new(StringComparer.Ordinal);
    private readonly Dictionary<string, EmbeddingTable> _tables = new(StringComparer.Ordinal);

    /// <summary>All linear modules, in the order of the model.</summary>
    public IReadOnlyCollection<LinearModule> Linears => _linears.Values;

    /// <summary>All embedding tables.</summary>
    public IReadOnlyCollection<EmbeddingTable> Tables => _tables.Values;

    /// <summary>The linear module of that name, for example <c>bert.encoder.layer.0.attention.self.query</c>. Null: there is none.</summary>
    public LinearModule? FindLinear(string path) => _linears.GetValueOrDefault(path);

    /// <summary>The embedding table of that name. Null: there is none.</summary>
    public EmbeddingTable? FindTable(string path) => _tables.GetValueOrDefault(path);

    public void Add(Linear linear)
    {
        // An output layer that is tied to the embeddings has their name, which stays the table's.
        foreach (LinearModule module in linear.Modules) if (!_tables.ContainsKey(module.Path)) _linears.TryAdd(module.Path, module);
    }

    public void Add(EmbeddingTable table) => _tables.Add(table.Path, table);
}
