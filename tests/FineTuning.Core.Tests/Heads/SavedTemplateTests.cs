using FineTuning.Text;
using Xunit;

namespace FineTuning.Tests.Heads;

/// <summary>A model is saved with the chat templates of its folder.</summary>
public sealed class SavedTemplateTests
{
    private const string Marked = "{% for m in messages %}{{ m.role }}:{{ m.content }}{% endfor %}";

    [Fact]
    public void The_templates_of_a_model_folder_are_saved_with_the_model()
    {
        string root = Directory.CreateTempSubdirectory().FullName, folder = Path.Combine(root, "model"), saved = Path.Combine(root, "saved");
        Directory.CreateDirectory(Path.Combine(folder, "additional_chat_templates"));
        foreach (string file in Directory.GetFiles(Goldens.Starter)) File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        File.WriteAllText(Path.Combine(folder, "chat_template.jinja"), Marked);
        File.WriteAllText(Path.Combine(folder, "additional_chat_templates", "rag.jinja"), "{{ documents | length }}");
        using (var model = Pretrained.TextClassifier<DayOfWeek>(folder)) model.Save(saved);
        ChatTemplate template = PretrainedTokenizer.Load(saved).ChatTemplate;
        Assert.Equal(["default", "rag"], template.Names);
        Assert.Equal(Marked, template.TextOf());
        Assert.Equal("2", template.Render([new("user", "a")], new ChatOptions { TemplateName = "rag", Documents = [new ChatDocument("a", "b"), new ChatDocument("c", "d")] }).Text);
        Directory.Delete(root, recursive: true);
    }
}
