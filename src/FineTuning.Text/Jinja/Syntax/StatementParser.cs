namespace FineTuning.Text.Jinja;

/// <summary>Block tags.</summary>
internal sealed partial class Parser
{
    private Statement ParseStatement(ReadOnlySpan<string> ends)
    {
        int line = Current.Line;
        if (Current.Kind != TokenKind.Name) throw Fault($"{Current.Description} was found where the name of a tag was expected");
        string tag = Next().Text;
        switch (tag)
        {
            case "for": return ParseFor(line);
            case "if": return ParseIf(line);
            case "set": return ParseSet(line);
            case "macro": return ParseMacro(line);
            case "call": return ParseCallBlock(line);
            case "filter": return new FilterStatement(ParseFilter(null, startsInline: true), ParseBlock(out _, "endfilter"), line);
            case "with": return ParseWith(line);
            case "print": return ParsePrint(line);
            case "block": return ParseNamedBlock(line);
            case "generation": return WithoutLoops(() => new GenerationStatement(ParseBlock(out _, "endgeneration"), line));
            case "break" or "continue":
                if (_loops == 0) throw new TemplateFault($"'{tag}' stands outside a loop", false, line);
                return new JumpStatement(tag == "break" ? Flow.Break : Flow.Continue);
            case "include" or "import" or "from" or "extends":
                while (Current.Kind is not (TokenKind.BlockEnd or TokenKind.End)) _position++;
                return new FaultStatement($"'{tag}' needs another template, and chat templates have none", line);
            case "autoescape" or "do" or "trans" or "debug":
                throw new TemplateFault($"the tag '{tag}' is not supported in chat templates", false, line);
            default:
                throw new TemplateFault(
                    ends.Length == 0 ? $"the tag '{tag}' is not known" : $"the tag '{tag}' was found where '{ends[^1]}' was expected", false, line);
        }
    }

    private ForStatement ParseFor(int line)
    {
        Expression target = ParseTarget(withNamespace: false);
        if (!SkipName("in")) throw Fault($"{Current.Description} was found where 'in' was expected");
        Expression items = ParseTuple(withCondition: false);
        Expression? filter = SkipName("if") ? ParseExpression() : null;
        bool recursive = SkipName("recursive");
        if (target is NameExpression { Name: "loop" }) throw new TemplateFault("'loop' cannot be the variable of a loop", false, line);
        _loops++;
        SequenceStatement body = ParseBlock(out string end, "else", "endfor");
        _loops--;
        Statement? otherwise = end == "else" ? ParseBlock(out _, "endfor") : null;
        return new ForStatement(target, items, filter, recursive, body, otherwise, line);
    }

    private IfStatement ParseIf(int line)
    {
        var branches = new List<(Expression Test, Statement Body)>();
        Statement? otherwise = null;
        for (string end = "elif"; end == "elif";)
        {
            Expression test = ParseTuple(withCondition: false);
            branches.Add((test, ParseBlock(out end, "elif", "else", "endif")));
            if (end == "else") otherwise = ParseBlock(out end, "endif");
        }
        return new IfStatement(branches, otherwise, line);
    }

    private Statement ParseSet(int line)
    {
        Expression target = ParseTarget(withNamespace: true);
        if (SkipOperator("=")) return new SetStatement(target, ParseTuple(), line);
        Expression? filter = Current.IsOperator("|") ? ParseFilter(null) : null;
        return new SetBlockStatement(target, filter, ParseBlock(out _, "endset"), line);
    }

    private Expression ParseTarget(bool withNamespace)
    {
        Expression target = ParseTuple(isTarget: true, withNamespace: withNamespace);
        CheckTarget(target);
        return target;
    }

    private void CheckTarget(Expression target)
    {
        if (target is TupleExpression tuple) foreach (Expression item in tuple.Items) CheckTarget(item);
        else if (target is not (NameExpression or NamespaceTarget)) throw Fault("a value was found where the name of a variable was expected");
    }

    private MacroStatement ParseMacro(int line)
    {
        string name = ParameterName();
        List<Parameter> parameters = ParseParameters();
        return WithoutLoops(() => new MacroStatement(new MacroDefinition(name, parameters, ParseBlock(out _, "endmacro")), line));
    }

    private CallBlockStatement ParseCallBlock(int line)
    {
        List<Parameter> parameters = Current.IsOperator("(") ? ParseParameters() : [];
        if (ParseExpression() is not CallExpression call) throw new TemplateFault("a call was expected", false, line);
        return WithoutLoops(() => new CallBlockStatement(call, new MacroDefinition("caller", parameters, ParseBlock(out _, "endcall")), line));
    }

    private List<Parameter> ParseParameters()
    {
        Expect("(");
        var parameters = new List<Parameter>();
        while (!Current.IsOperator(")"))
        {
            if (parameters.Count > 0) Expect(",");
            string name = ParameterName();
            Expression? value = SkipOperator("=") ? ParseExpression() : null;
            if (value is null && parameters.Exists(earlier => earlier.Default is not null))
                throw Fault("a parameter without a default follows one with a default");
            if (parameters.Exists(earlier => earlier.Name == name)) throw Fault($"the parameter '{name}' occurs twice");
            parameters.Add(new(name, value));
        }
        Expect(")");
        return parameters;
    }

    private string ParameterName()
    {
        string name = ExpectName();
        return name is "true" or "True" or "false" or "False" or "none" or "None" ? throw Fault($"'{name}' is a value, not a name") : name;
    }

    private WithStatement ParseWith(int line)
    {
        var variables = new List<(Expression Target, Expression Value)>();
        while (Current.Kind != TokenKind.BlockEnd && !Current.IsOperator(":"))
        {
            if (variables.Count > 0) Expect(",");
            Expression target = ParseTarget(withNamespace: false);
            Expect("=");
            variables.Add((target, ParseExpression()));
        }
        return new WithStatement(variables, ParseBlock(out _, "endwith"), line);
    }

    private PrintStatement ParsePrint(int line)
    {
        var values = new List<Expression>();
        while (Current.Kind != TokenKind.BlockEnd)
        {
            if (values.Count > 0) Expect(",");
            values.Add(ParseExpression());
        }
        return new PrintStatement(values, line);
    }

    private BlockStatement ParseNamedBlock(int line)
    {
        string name = ExpectName();
        bool scoped = SkipName("scoped");
        if (SkipName("required")) throw new TemplateFault("a block that is required has no other template to fill it", false, line);
        BlockStatement block = WithoutLoops(() => new BlockStatement(name, scoped, ParseBlock(out _, "endblock"), line));
        SkipName(name);
        return _blocks.TryAdd(name, block) ? block : throw new TemplateFault($"the block '{name}' is defined twice", false, line);
    }

    // break and continue do not reach out of what is run as a function.
    private T WithoutLoops<T>(Func<T> parse)
    {
        int loops = _loops;
        _loops = 0;
        T result = parse();
        _loops = loops;
        return result;
    }
}
