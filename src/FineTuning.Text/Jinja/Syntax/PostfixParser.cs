namespace FineTuning.Text.Jinja;

/// <summary>What follows a value: attributes, indices, calls, filters and tests.</summary>
internal sealed partial class Parser
{
    private Expression ParsePostfix(Expression node)
    {
        while (true)
        {
            if (Current.IsOperator(".") || Current.IsOperator("[")) node = ParseSubscript(node);
            else if (Current.IsOperator("(")) node = ParseCall(node);
            else return node;
        }
    }

    private Expression ParseFiltersAndTests(Expression node)
    {
        while (true)
        {
            if (Current.IsOperator("|")) node = ParseFilter(node);
            else if (Current.IsName("is")) node = ParseTest(node);
            else if (Current.IsOperator("(")) node = ParseCall(node);
            else return node;
        }
    }

    private Expression ParseSubscript(Expression node)
    {
        Token token = Next();
        if (token.Text == ".")
        {
            Token attribute = Next();
            if (attribute.Kind == TokenKind.Name) return Linked(new AttributeExpression(node, attribute.Text, token.Line));
            if (attribute.Kind == TokenKind.Integer) return Linked(new ItemExpression(node, new ConstantExpression(attribute.Number!), token.Line));
            throw new TemplateFault($"{attribute.Description} was found where a name or a number was expected", false, attribute.Line);
        }
        var arguments = new List<Expression>();
        while (!Current.IsOperator("]"))
        {
            if (arguments.Count > 0) Expect(",");
            arguments.Add(ParseIndex());
        }
        Expect("]");
        if (arguments is [SliceExpression slice]) return Linked(new SlicedExpression(node, slice, token.Line));
        if (arguments.Exists(argument => argument is SliceExpression)) throw Fault("slices cannot be combined with other indices");
        return Linked(new ItemExpression(node, arguments is [var single] ? single : Linked(new TupleExpression(arguments)), token.Line));
    }

    private Expression ParseIndex()
    {
        Expression? start = null;
        if (!Current.IsOperator(":"))
        {
            start = ParseExpression();
            if (!Current.IsOperator(":")) return start;
        }
        Expect(":");
        Expression? stop = Current.IsOperator(":") || IsIndexEnd ? null : ParseExpression();
        Expression? step = SkipOperator(":") && !IsIndexEnd ? ParseExpression() : null;
        return Linked(new SliceExpression(start, stop, step));
    }

    private bool IsIndexEnd => Current.IsOperator("]") || Current.IsOperator(",");

    private CallExpression ParseCall(Expression node)
    {
        int line = Current.Line;
        return Linked(new CallExpression(node, ParseArguments(), line));
    }

    private ArgumentList ParseArguments()
    {
        Expect("(");
        var arguments = new ArgumentList();
        bool any = false;
        while (!Current.IsOperator(")"))
        {
            if (any)
            {
                Expect(",");
                if (Current.IsOperator(")")) break;
            }
            any = true;
            ParseArgument(arguments);
        }
        Expect(")");
        return arguments;
    }

    private void ParseArgument(ArgumentList arguments)
    {
        bool ordered;
        if (SkipOperator("*"))
        {
            ordered = arguments.Rest is null && arguments.NamedRest is null;
            arguments.Rest = ParseExpression();
        }
        else if (SkipOperator("**"))
        {
            ordered = arguments.NamedRest is null;
            arguments.NamedRest = ParseExpression();
        }
        else if (Current.Kind == TokenKind.Name && Peek.IsOperator("="))
        {
            ordered = arguments.NamedRest is null;
            string name = Next().Text;
            _position++;
            if (arguments.Named.Exists(entry => entry.Name == name)) throw Fault($"the argument '{name}' is given twice");
            arguments.Named.Add((name, ParseExpression()));
        }
        else
        {
            ordered = arguments.Rest is null && arguments.NamedRest is null && arguments.Named.Count == 0;
            arguments.Positional.Add(ParseExpression());
        }
        if (!ordered) throw Fault("the arguments of a call are in the wrong order: by position first, then by name");
    }

    /// <summary>One or more filters; null stands for the text of a block.</summary>
    private Expression ParseFilter(Expression? node, bool startsInline = false)
    {
        while (startsInline || Current.IsOperator("|"))
        {
            if (!startsInline) Next();
            startsInline = false;
            int line = Current.Line;
            string name = ParseDottedName();
            ArgumentList arguments = Current.IsOperator("(") ? ParseArguments() : new ArgumentList();
            node = Linked(new FilterExpression(node ?? new CapturedExpression(), name, arguments, line));
        }
        return node!;
    }

    private Expression ParseTest(Expression node)
    {
        int line = Next().Line;
        bool negated = SkipName("not");
        string name = ParseDottedName();
        var arguments = new ArgumentList();
        if (Current.IsOperator("("))
        {
            arguments = ParseArguments();
        }
        else if ((Current.Kind is TokenKind.Name or TokenKind.Text or TokenKind.Integer or TokenKind.Float
            || Current.IsOperator("[") || Current.IsOperator("{"))
            && !Current.IsName("else") && !Current.IsName("or") && !Current.IsName("and"))
        {
            if (Current.IsName("is")) throw Fault("tests cannot be chained; put the first into parentheses");
            EnterNesting();
            arguments.Positional.Add(ParsePostfix(ParsePrimary()));
            _nesting--;
        }
        Expression test = Linked(new TestExpression(node, name, arguments, line));
        return negated ? Linked(new NotExpression(test)) : test;
    }

    private string ParseDottedName()
    {
        string name = ExpectName();
        while (SkipOperator(".")) name += "." + ExpectName();
        return name;
    }
}
