using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace FineTuning.Benchmarks.Tokenizing;

/// <summary>npm's tokenizers, asked for the rows of texts. For one thread.</summary>
internal sealed class ReferenceServer : IDisposable
{
    private Process _process = ReferenceProcess.Serve();

    /// <summary>Opens a file; what was wrong with it, or null.</summary>
    /// <param name="path">A tokenizer.json.</param>
    /// <param name="decodes">Whether rows hold the decoded text.</param>
    public string? Load(string path, bool decodes)
    {
        if (_process.HasExited) _process = ReferenceProcess.Serve();
        Send(new StringBuilder("{\"load\":").Append(JsonSerializer.Serialize(path)).Append(",\"decodes\":").Append(decodes ? "true" : "false").Append('}'));
        using JsonDocument answer = Read();
        return answer.RootElement.TryGetProperty("refused", out JsonElement refused) ? refused.GetString() : null;
    }

    /// <summary>Asks for the digest of these texts' rows, or for the rows; the answer is fetched by <see cref="Digest"/> or <see cref="Rows"/>.</summary>
    public void Ask(IReadOnlyList<(string Text, string? Pair)> texts, bool rows)
    {
        var request = new StringBuilder("{\"lines\":[");
        for (int i = 0; i < texts.Count; i++)
        {
            if (i > 0) request.Append(',');
            (string text, string? pair) = texts[i];
            if (pair is not null) request.Append('[');
            Quote(request, text);
            if (pair is null) continue;
            request.Append(',');
            Quote(request, pair);
            request.Append(']');
        }
        Send(request.Append(rows ? "],\"rows\":true}" : "]}"));
    }

    public string Digest()
    {
        using JsonDocument answer = Read();
        return answer.RootElement.GetProperty("digest").GetString()!;
    }

    public int[][] Rows()
    {
        using JsonDocument answer = Read();
        return [.. answer.RootElement.GetProperty("rows").EnumerateArray().Select(row => row.EnumerateArray().Select(number => number.GetInt32()).ToArray())];
    }

    public void Dispose()
    {
        if (!_process.HasExited) _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    // Half a surrogate pair has to arrive as it is, which no serializer writes.
    private static void Quote(StringBuilder request, string text)
    {
        request.Append('"');
        foreach (char character in text)
        {
            if (character is >= ' ' and <= '~' and not ('"' or '\\')) request.Append(character);
            else request.Append(CultureInfo.InvariantCulture, $"\\u{(int)character:x4}");
        }
        request.Append('"');
    }

    private void Send(StringBuilder request)
    {
        _process.StandardInput.WriteLine(request);
        _process.StandardInput.Flush();
    }

    private JsonDocument Read()
    {
        if (_process.StandardOutput.ReadLine() is { } line) return JsonDocument.Parse(line);
        _process.WaitForExit();
        throw new ReferenceEndedException();
    }
}

/// <summary>The reference's process has ended: some of its faults cannot be caught.</summary>
internal sealed class ReferenceEndedException() : Exception("the reference's process has ended");
