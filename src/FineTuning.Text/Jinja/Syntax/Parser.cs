namespace FineTuning.Text.Jinja;

/// <summary>Makes a tree of a template's tokens. What is nested too deep for the stack is refused here, so that nothing behind it needs to fear it.</summary>
internal sealed partial class Parser
{
    private const int DeepestNesting = 150;
    private const int DeepestTree = 400;

    private readonly List<Token> _tokens;
    private readonly Dictionary<string, BlockStatement> _blocks = new(StringComparer.Ordinal);
    private int _position, _nesting, _loops;

    private Parser(List<Token> tokens) => _tokens = tokens;

    /// <summary>The template's statements, and its blocks by name.</summary>
    public static (Statement Body, IReadOnlyDictionary<string, BlockStatement> Blocks) Parse(string template)
    {
        var parser = new Parser(Lexer.Read(template));
        try
        {
            Statement body = parser.ParseBody([]);
            NodeChecks.Check(body);
            return (body, parser._blocks);
        }
        catch (TemplateFault fault) when (fault.Line is null)
        {
            throw new TemplateFault(fault.Message, false, parser.Current.Line);
        }
    }

    private Token Current => _tokens[_position];

    private Token Peek => _tokens[Math.Min(_position + 1, _tokens.Count - 1)];

    private Token Next() => Current.Kind == TokenKind.End ? Current : _tokens[_position++];

    private bool SkipName(string name) => Current.IsName(name) && Advance();

    private bool SkipOperator(string text) => Current.IsOperator(text) && Advance();

    private bool Advance()
    {
        _position++;
        return true;
    }

    private void Expect(string text)
    {
        if (!SkipOperator(text)) throw Fault($"{Current.Description} was found where '{text}' was expected");
    }

    private string ExpectName() => Current.Kind == TokenKind.Name ? Next().Text : throw Fault($"{Current.Description} was found where a name was expected");

    private void ExpectEnd(TokenKind kind)
    {
        if (Current.Kind != kind) throw Fault($"{Current.Description} was found where {(kind == TokenKind.BlockEnd ? "'%}'" : "'}}'")} was expected");
        _position++;
    }

    private TemplateFault Fault(string message) => new(message, false, Current.Line);

    private void EnterNesting()
    {
        if (++_nesting > DeepestNesting || !System.Runtime.CompilerServices.RuntimeHelpers.TryEnsureSufficientExecutionStack())
            throw Fault($"it is nested deeper than {DeepestNesting}");
    }

    /// <summary>Notes how deep the tree below a node is; chains such as 1 + 1 + 1 make it deep without any nesting.</summary>
    private T Linked<T>(T node)
        where T : Node
    {
        foreach (Node child in node.Children) node.Depth = Math.Max(node.Depth, child.Depth + 1);
        return node.Depth > DeepestTree ? throw Fault($"an expression has more than {DeepestTree} parts in a chain") : node;
    }

    /// <summary>Statements up to one of the ends, whose name is left to be read; no ends: up to the end of the template.</summary>
    private SequenceStatement ParseBody(ReadOnlySpan<string> ends)
    {
        EnterNesting();
        var statements = new List<Statement>();
        while (Current.Kind != TokenKind.End)
        {
            Token token = Next();
            if (token.Kind == TokenKind.Data)
            {
                statements.Add(new TextStatement(token.Text));
            }
            else if (token.Kind == TokenKind.PrintBegin)
            {
                statements.Add(new PrintStatement([ParseTuple()], token.Line));
                ExpectEnd(TokenKind.PrintEnd);
            }
            else
            {
                if (Current.Kind == TokenKind.Name && ends.Contains(Current.Text))
                {
                    _nesting--;
                    return new SequenceStatement(statements);
                }
                statements.Add(ParseStatement(ends));
                ExpectEnd(TokenKind.BlockEnd);
            }
        }
        if (ends.Length > 0) throw Fault($"the template ends where '{{% {ends[^1]} %}}' was expected");
        _nesting--;
        return new SequenceStatement(statements);
    }

    /// <summary>The body of a block tag up to one of its ends, whose name has been read.</summary>
    private SequenceStatement ParseBlock(out string end, params ReadOnlySpan<string> ends)
    {
        SkipOperator(":");
        ExpectEnd(TokenKind.BlockEnd);
        SequenceStatement body = ParseBody(ends);
        end = Next().Text;
        return body;
    }
}
