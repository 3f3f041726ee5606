namespace FineTuning.Text.Jinja;

/// <summary>Expressions, loosest operator first; precedence is Jinja's, which differs from Python's here and there.</summary>
internal sealed partial class Parser
{
    private static readonly string[] Comparisons = ["==", "!=", "<", "<=", ">", ">="];

    private Expression ParseExpression(bool withCondition = true)
    {
        EnterNesting();
        Expression result = withCondition ? ParseCondition() : ParseOr();
        _nesting--;
        return result;
    }

    private Expression ParseCondition()
    {
        Expression value = ParseOr();
        while (SkipName("if"))
        {
            int line = Current.Line;
            Expression test = ParseOr();
            Expression? otherwise = null;
            if (SkipName("else"))
            {
                EnterNesting();
                otherwise = ParseCondition();
                _nesting--;
            }
            value = Linked(new ConditionExpression(test, value, otherwise, line));
        }
        return value;
    }

    private Expression ParseOr()
    {
        Expression first = ParseAnd();
        if (!Current.IsName("or")) return first;
        var operands = new List<Expression> { first };
        while (SkipName("or")) operands.Add(ParseAnd());
        return Linked(new LogicExpression(operands, isOr: true));
    }

    private Expression ParseAnd()
    {
        Expression first = ParseNot();
        if (!Current.IsName("and")) return first;
        var operands = new List<Expression> { first };
        while (SkipName("and")) operands.Add(ParseNot());
        return Linked(new LogicExpression(operands, isOr: false));
    }

    private Expression ParseNot()
    {
        if (!SkipName("not")) return ParseComparison();
        EnterNesting();
        Expression result = Linked(new NotExpression(ParseNot()));
        _nesting--;
        return result;
    }

    private Expression ParseComparison()
    {
        int line = Current.Line;
        Expression first = ParseSum();
        var links = new List<(string Operator, Expression Operand)>();
        while (true)
        {
            if (Current.Kind == TokenKind.Operator && Comparisons.Contains(Current.Text)) links.Add((Next().Text, ParseSum()));
            else if (SkipName("in")) links.Add(("in", ParseSum()));
            else if (Current.IsName("not") && Peek.IsName("in"))
            {
                _position += 2;
                links.Add(("not in", ParseSum()));
            }
            else break;
        }
        return links.Count == 0 ? first : Linked(new ComparisonExpression(first, links, line));
    }

    private Expression ParseSum()
    {
        Expression left = ParseJoin();
        while (Current.IsOperator("+") || Current.IsOperator("-"))
        {
            Token sign = Next();
            left = Linked(new ArithmeticExpression(sign.Text, left, ParseJoin(), sign.Line));
        }
        return left;
    }

    private Expression ParseJoin()
    {
        Expression first = ParseProduct();
        if (!Current.IsOperator("~")) return first;
        var parts = new List<Expression> { first };
        while (SkipOperator("~")) parts.Add(ParseProduct());
        return Linked(new JoinExpression(parts));
    }

    private Expression ParseProduct()
    {
        Expression left = ParsePower();
        while (Current.Kind == TokenKind.Operator && Current.Text is "*" or "/" or "//" or "%")
        {
            Token sign = Next();
            left = Linked(new ArithmeticExpression(sign.Text, left, ParsePower(), sign.Line));
        }
        return left;
    }

    private Expression ParsePower()
    {
        Expression left = ParseSigned();
        while (Current.IsOperator("**"))
        {
            Token sign = Next();
            left = Linked(new ArithmeticExpression("**", left, ParseSigned(), sign.Line));
        }
        return left;
    }

    private Expression ParseSigned(bool withFilters = true)
    {
        Expression node;
        if (Current.IsOperator("-") || Current.IsOperator("+"))
        {
            Token sign = Next();
            EnterNesting();
            node = Linked(new SignExpression(sign.Text == "-", ParseSigned(withFilters: false), sign.Line));
            _nesting--;
        }
        else
        {
            node = ParsePrimary();
        }
        node = ParsePostfix(node);
        return withFilters ? ParseFiltersAndTests(node) : node;
    }

    private Expression ParsePrimary(bool withNamespace = false)
    {
        Token token = Next();
        switch (token.Kind)
        {
            case TokenKind.Name:
                return ParseName(token, withNamespace);
            case TokenKind.Text:
                string text = token.Text;
                if (Current.Kind == TokenKind.Text)
                {
                    var parts = new List<string> { text };
                    while (Current.Kind == TokenKind.Text) parts.Add(Next().Text);
                    text = string.Concat(parts);
                }
                return new ConstantExpression(text);
            case TokenKind.Integer or TokenKind.Float:
                return new ConstantExpression(token.Number!);
            case TokenKind.Operator when token.Text == "(":
                Expression inner = ParseTuple(parenthesized: true);
                Expect(")");
                return inner;
            case TokenKind.Operator when token.Text == "[":
                return ParseList();
            case TokenKind.Operator when token.Text == "{":
                return ParseDictionary();
            default:
                throw new TemplateFault($"{token.Description} was found where a value was expected", false, token.Line);
        }
    }

    private Expression ParseName(Token token, bool withNamespace)
    {
        switch (token.Text)
        {
            case "true" or "True": return new ConstantExpression(true);
            case "false" or "False": return new ConstantExpression(false);
            case "none" or "None": return new ConstantExpression(NoneValue.Instance);
        }
        if (!withNamespace || !SkipOperator(".")) return new NameExpression(token.Text, token.Line);
        return new NamespaceTarget(token.Text, ExpectName(), token.Line);
    }

    /// <summary>One expression, or several with commas between them, which make a tuple.</summary>
    private Expression ParseTuple(bool withCondition = true, bool parenthesized = false, bool isTarget = false, bool withNamespace = false)
    {
        var items = new List<Expression>();
        bool isTuple = false;
        while (true)
        {
            if (items.Count > 0) Expect(",");
            if (Current.Kind is TokenKind.PrintEnd or TokenKind.BlockEnd || Current.IsOperator(")")) break;
            items.Add(isTarget ? ParseTargetItem(withNamespace) : ParseExpression(withCondition));
            if (!Current.IsOperator(",")) break;
            isTuple = true;
        }
        if (isTuple) return Linked(new TupleExpression(items));
        if (items.Count > 0) return items[0];
        return parenthesized ? new TupleExpression(items) : throw Fault($"{Current.Description} was found where an expression was expected");
    }

    private Expression ParseTargetItem(bool withNamespace)
    {
        EnterNesting();
        Expression item = ParsePrimary(withNamespace);
        _nesting--;
        return item;
    }

    private ListExpression ParseList()
    {
        var items = new List<Expression>();
        while (!Current.IsOperator("]"))
        {
            if (items.Count > 0) Expect(",");
            if (Current.IsOperator("]")) break;
            items.Add(ParseExpression());
        }
        Expect("]");
        return Linked(new ListExpression(items));
    }

    private DictionaryExpression ParseDictionary()
    {
        var entries = new List<(Expression Key, Expression Value)>();
        while (!Current.IsOperator("}"))
        {
            if (entries.Count > 0) Expect(",");
            if (Current.IsOperator("}")) break;
            Expression key = ParseExpression();
            Expect(":");
            entries.Add((key, ParseExpression()));
        }
        Expect("}");
        return Linked(new DictionaryExpression(entries));
    }
}
