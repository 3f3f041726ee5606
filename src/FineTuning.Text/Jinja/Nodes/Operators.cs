using System.Text;

namespace FineTuning.Text.Jinja;

/// <summary>value if test else otherwise.</summary>
internal sealed class ConditionExpression(Expression test, Expression value, Expression? otherwise, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => otherwise is null ? [test, value] : [test, value, otherwise];

    protected override object Compute(RenderState state) => Kinds.IsTrue(test.Evaluate(state)) ? value.Evaluate(state)
        : otherwise?.Evaluate(state) ?? new UndefinedValue("an inline 'if' was false and has no 'else'");
}

/// <summary>and, or: the operand that decides.</summary>
internal sealed class LogicExpression(IReadOnlyList<Expression> operands, bool isOr) : Expression
{
    public override IEnumerable<Node> Children => operands;

    protected override object Compute(RenderState state)
    {
        object value = operands[0].Evaluate(state);
        for (int i = 1; i < operands.Count && Kinds.IsTrue(value) != isOr; i++) value = operands[i].Evaluate(state);
        return value;
    }
}

internal sealed class NotExpression(Expression operand) : Expression
{
    public override IEnumerable<Node> Children => [operand];

    protected override object Compute(RenderState state) => !Kinds.IsTrue(operand.Evaluate(state));
}

/// <summary>a &lt; b &lt;= c: true where every link is.</summary>
internal sealed class ComparisonExpression(Expression first, IReadOnlyList<(string Operator, Expression Operand)> links, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => links.Select(link => link.Operand).Prepend(first);

    protected override object Compute(RenderState state)
    {
        object left = first.Evaluate(state);
        foreach ((string sign, Expression operand) in links)
        {
            object right = operand.Evaluate(state);
            if (!Comparison.Holds(state, sign, left, right)) return false;
            left = right;
        }
        return true;
    }
}

internal sealed class ArithmeticExpression(string sign, Expression left, Expression right, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => [left, right];

    protected override object Compute(RenderState state)
    {
        object first = left.Evaluate(state), second = right.Evaluate(state);
        state.Line = Line;
        return Arithmetic.Apply(state, sign, first, second);
    }
}

internal sealed class SignExpression(bool negative, Expression operand, int line) : Expression(line)
{
    public override IEnumerable<Node> Children => [operand];

    protected override object Compute(RenderState state) => Arithmetic.Signed(operand.Evaluate(state), negative);
}

/// <summary>a ~ b: the texts of values, one behind the other.</summary>
internal sealed class JoinExpression(IReadOnlyList<Expression> parts) : Expression
{
    public override IEnumerable<Node> Children => parts;

    protected override object Compute(RenderState state)
    {
        var text = new StringBuilder();
        List<TextSpan>? spans = null;
        foreach (Expression part in parts)
        {
            object value = part.Evaluate(state);
            string printed = Printing.Text(state, value);
            state.Budget.Allocate(printed.Length);
            if (value is RichText { Spans.Count: > 0 } rich)
                (spans ??= []).AddRange(rich.Spans.Select(span => new TextSpan(span.Start + text.Length, span.End + text.Length)));
            text.Append(printed);
        }
        return spans is null ? text.ToString() : new RichText(text.ToString(), false, spans);
    }
}
