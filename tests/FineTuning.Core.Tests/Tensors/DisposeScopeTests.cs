using FineTuning.Tensors;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace FineTuning.Tests.Tensors;

/// <summary>Temporaries end with the scope that they belong to, and what is kept lives on in the outer one.</summary>
public sealed class DisposeScopeTests
{
    [Fact]
    public void What_is_kept_in_a_scope_ends_with_it_also_where_it_was_made_there()
    {
        Tensor moved, stayed, free;
        using (DisposeScope outer = NewDisposeScope())
        {
            stayed = zeros(1).KeptIn(outer);
            using (NewDisposeScope())
            {
                moved = zeros(1).KeptIn(outer);
                free = zeros(1).KeptIn(null);
            }
            Assert.All(new[] { moved, stayed, free }, tensor => Assert.False(tensor.IsInvalid));
            Assert.True(outer.Contains(moved) && outer.Contains(stayed) && !outer.Contains(free));
        }
        Assert.True(moved.IsInvalid && stayed.IsInvalid && !free.IsInvalid);
        free.Dispose();
    }

    [Fact]
    public void Only_the_result_of_a_computation_is_left()
    {
        using var scope = NewDisposeScope();
        Tensor input = zeros(2), temporary = input, result = DisposeScopes.Within(() =>
        {
            temporary = input.exp();
            return temporary.neg();
        });
        Assert.True(temporary.IsInvalid);
        Assert.Equal(2, scope.DisposablesCount);
        Assert.Equal(-1, result[0].item<float>());
        Assert.Same(input, DisposeScopes.Within(() => input));
        Assert.False(input.IsInvalid);
    }

    [Fact]
    public void The_backward_pass_finds_what_it_needs_of_the_temporaries()
    {
        using var scope = NewDisposeScope();
        Tensor input = tensor(new[] { 1f, 2f }).requires_grad_(true);
        DisposeScopes.Within(() => input.exp().tanh().Squared().sum()).backward();
        Tensor again = input.detach().clone().requires_grad_(true);
        again.exp().tanh().Squared().sum().backward();
        Assert.True(again.grad!.eq(input.grad!).all().item<bool>());
    }
}
