namespace FineTuning.Text.Jinja;

/// <summary>
/// What is wrong with a template whether it is reached or not: filters and tests that do not exist. Inside an 'if' they fail only where they are reached.
/// </summary>
internal static class NodeChecks
{
    public static void Check(Node node) => Check(node, forgiving: false);

    /// <summary>Whether a name is read anywhere in a macro's body, and so must be handed over.</summary>
    public static bool Reads(Node node, string name) => node is NameExpression variable ? variable.Name == name
        : node is not BlockStatement && node.Children.Any(child => Reads(child, name));

    /// <summary>Whether a generation block stands anywhere in it.</summary>
    public static bool Marks(Node node) => node is GenerationStatement || node.Children.Any(Marks);

    private static void Check(Node node, bool forgiving)
    {
        if (!forgiving)
        {
            if (node is FilterExpression filter && !Filters.Exists(filter.Name)) throw new TemplateFault(Filters.Unknown(filter.Name), false, filter.Line);
            if (node is TestExpression test && !TemplateTests.Exists(test.Name)) throw new TemplateFault(TemplateTests.Unknown(test.Name), false, test.Line);
        }
        bool inside = node switch
        {
            IfStatement or ConditionExpression => true,
            ForStatement or MacroStatement or CallBlockStatement or GenerationStatement or BlockStatement or WithStatement
                or FilterStatement or SetBlockStatement => false,
            _ => forgiving,
        };
        foreach (Node child in node.Children) Check(child, inside);
    }
}
