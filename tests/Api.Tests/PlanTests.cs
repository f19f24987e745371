using Xunit;

namespace Xlnet.Api.Tests;

public sealed class PlanTests(ServiceFixture service)
{
    [Fact]
    public async Task Plan_OfManyGuests_TakesAsManyStatementsAsThatOfOne()
    {
        using var counter = new StatementCounter();
        var host = $"/v1/hosts/{await service.NewHostAsync()}";
        var ofOne = await CountAsync(1);
        Assert.InRange(ofOne, 1, 100);
        Assert.Equal(ofOne, await CountAsync(12));

        // With files on the host, which it reads again.
        async Task<int> CountAsync(int guests)
        {
            for (var guest = 1; guest <= guests; guest++)
                Assert.True((await service.Client.PutTextAsync($"{host}/guests/g{guest}/config", $"name = 'g{guest}'\nkernel = '/k'\nvif = ['bridge=xenbr0']\n")).Status is 200 or 201);
            Assert.Equal("succeeded", (string)(await service.Client.PostAsync($"{host}/apply?wait=30s"))["status"]!);
            var (plan, statements) = await counter.CountAsync(service.Client, HttpMethod.Get, $"{host}/plan");
            Assert.Equal(200, plan.Status);
            return statements;
        }
    }
}
