using System.Text;
using System.Text.Json;

namespace FineTuning.Examples;

/// <summary>The entries of a list that stands under a key of the file's object: one at a time, never the file as a whole.</summary>
/// <remarks>For one thread. The largest entry decides the memory, and the options bound that.</remarks>
internal sealed class JsonListStream : IDisposable
{
    private delegate bool Step(ref Utf8JsonReader reader);

    private const int CharactersAtOnce = 1 << 14;
    private const int MostKeys = 1 << 16;

    private readonly ProblemSink _problems;
    private readonly TextSource _source;
    private readonly Encoder _encoder = new UTF8Encoding(false).GetEncoder();
    private readonly char[] _characters = new char[CharactersAtOnce];
    private readonly string _key;
    private string? _name;
    private readonly int _longest;
    private readonly List<string> _keys = [];
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);
    private byte[] _buffer = new byte[1 << 16];
    private int _start, _length, _lines = 1;
    private bool _inList, _found, _entered;
    private JsonReaderState _state;
    private JsonElement? _entry;

    public JsonListStream(string path, string key, JsonReadingOptions options, ProblemSink problems)
    {
        (_key, _longest, _problems) = (key, options.LongestText, problems);
        _state = new JsonReaderState(new JsonReaderOptions { MaxDepth = options.DeepestNesting });
        _source = new TextSource(path, null, problems);
    }

    /// <summary>The next entry; null after the last, where the rest of the file has been read too.</summary>
    /// <exception cref="Errors.TrainingDataException">The file is no valid JSON, has no such list, or an entry is too large.</exception>
    public JsonElement? Next()
    {
        if (!_entered) Advance(Enter);
        _entered = true;
        while (true)
        {
            if (_inList)
            {
                Advance(ReadEntry);
                if (_entry is not null) return _entry;
            }
            else
            {
                bool ended = false;
                Advance((ref Utf8JsonReader reader) => ReadKey(ref reader, out ended));
                if (ended) break;
                Count(_name!);
            }
        }
        if (!_found)
            throw _problems.Refusal(1, $"no key '{MessageText.Of(_key)}'; keys found: {(_keys.Count == 0 ? "none" : MessageText.List(_keys))}; "
                + "name the right one in the options (Field)");
        do
        {
            if (_buffer.AsSpan(_start, _length).IndexOfAnyExcept(" \t\r\n"u8) >= 0)
                throw _problems.Refusal(null, "something stands behind the end of the JSON object");
            _length = 0;
        }
        while (Fill());
        return null;
    }

    public void Dispose() => _source.Dispose();

    private bool Enter(ref Utf8JsonReader reader)
    {
        if (!reader.Read()) return false;
        return reader.TokenType == JsonTokenType.StartObject ? true
            : throw _problems.Refusal(1, $"a value was found where an object with the key '{_key}' was expected");
    }

    private bool ReadKey(ref Utf8JsonReader reader, out bool ended)
    {
        ended = false;
        if (!reader.Read()) return false;
        if (reader.TokenType == JsonTokenType.EndObject)
        {
            ended = true;
            return true;
        }
        string name = reader.GetString()!;
        if (name != _key)
        {
            if (!reader.TrySkip()) return false;
            if (_keys.Count < 20) _keys.Add(name);
            _name = name;
            return true;
        }
        if (!reader.Read()) return false;
        if (reader.TokenType != JsonTokenType.StartArray) throw _problems.Refusal(null, $"'{_key}' is no list");
        _name = name;
        _inList = _found = true;
        return true;
    }

    // Both lists are read where reading goes on: one at a time, what came first is gone.
    private void Count(string name)
    {
        if (_seen.Count == MostKeys) throw _problems.Refusal(null, $"the object around '{MessageText.Of(_key)}' has more than {MostKeys:N0} keys");
        if (!_seen.Add(name)) _problems.Error(null, $"the key '{MessageText.Of(name)}' occurs twice");
    }

    private bool ReadEntry(ref Utf8JsonReader reader)
    {
        _entry = null;
        if (!reader.Read()) return false;
        if (reader.TokenType == JsonTokenType.EndArray)
        {
            _inList = false;
            return true;
        }
        if (!JsonDocument.TryParseValue(ref reader, out JsonDocument? document)) return false;
        using (document) _entry = document.RootElement.Clone();
        return true;
    }

    /// <summary>One step of the reader, with as much of the file in the buffer as it needs.</summary>
    private void Advance(Step step)
    {
        while (true)
        {
            var reader = new Utf8JsonReader(_buffer.AsSpan(_start, _length), isFinalBlock: false, _state);
            bool done;
            try
            {
                done = step(ref reader);
            }
            catch (Exception failure) when (failure is JsonException or InvalidOperationException)
            {
                string reason = failure is JsonException ? failure.Message.Split(" LineNumber", 2)[0] : "a key holds bytes that are no text";
                throw _problems.Refusal((int)((failure as JsonException)?.LineNumber ?? 0) + 1, $"not valid JSON: {reason}", failure);
            }
            if (done)
            {
                _state = reader.CurrentState;
                int consumed = (int)reader.BytesConsumed;
                (_start, _length) = (_start + consumed, _length - consumed);
                return;
            }
            if (!Fill()) throw _problems.Refusal(_lines, "not valid JSON: the file ends too early");
        }
    }

    private bool Fill()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _length).CopyTo(_buffer);
            _start = 0;
        }
        // A character takes at most three bytes, and half a pair may be left over from the time before.
        const int room = (CharactersAtOnce * 3) + 4;
        if (_buffer.Length - _length < room)
        {
            if (_length >= _longest)
                throw _problems.Refusal(null, $"an entry of '{MessageText.Of(_key)}' has more than {_longest:N0} bytes, which is LongestText");
            Array.Resize(ref _buffer, (int)Math.Min(Math.Max((long)_buffer.Length * 2, _length + (long)room), (long)_longest + room));
        }
        int read = _source.Read(_characters, _lines);
        if (_characters.AsSpan(0, read).Contains('\0')) throw _source.Binary(_lines);
        int bytes = _encoder.GetBytes(_characters.AsSpan(0, read), _buffer.AsSpan(_length), flush: read == 0);
        _lines += _buffer.AsSpan(_length, bytes).Count((byte)'\n');
        _length += bytes;
        return read > 0;
    }
}
