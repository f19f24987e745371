using Microsoft.AspNetCore.Mvc.ApiExplorer;
using Microsoft.AspNetCore.Mvc.ModelBinding;
using Xlnet.Domain.Common;

namespace Xlnet.Api.Common;

/// <summary>
/// Refuses query parameters that an operation does not have: a misspelled <c>validateOnly</c> would otherwise write what the caller
/// only wanted tried.
/// </summary>
internal sealed class QueryCheck(IApiDescriptionGroupCollectionProvider descriptions)
{
    private readonly Lazy<Dictionary<string, Dictionary<string, Type?>>> _operations = new(() => descriptions.ApiDescriptionGroups.Items
        .SelectMany(g => g.Items.Where(d => d.RelativePath!.StartsWith("v1/", StringComparison.Ordinal)))
        .GroupBy(d => d.ActionDescriptor.EndpointMetadata.OfType<IEndpointNameMetadata>().FirstOrDefault()?.EndpointName ?? "")
        .ToDictionary(g => g.Key, g => g.First().ParameterDescriptions
            .Where(p => p.Source == BindingSource.Query)
            .Select(p => KeyValuePair.Create(p.Name, p.ParameterDescriptor?.ParameterType))
            .Concat(FieldSelection.AnswerOf(g.First().HttpMethod, [.. g.First().ActionDescriptor.EndpointMetadata]) is null ? [] : [KeyValuePair.Create(FieldSelection.Parameter, (Type?)typeof(string))])
            .ToDictionary(p => p.Key, p => p.Value, StringComparer.OrdinalIgnoreCase)));

    public void Check(HttpContext http)
    {
        if (http.GetEndpoint()?.Metadata.GetMetadata<IEndpointNameMetadata>() is not { EndpointName: { } name }
            || !_operations.Value.TryGetValue(name, out var parameters))
            return;
        foreach (var (key, value) in http.Request.Query)
        {
            if (!parameters.TryGetValue(key, out var type))
            {
                throw RuleException.Invalid(key, "query.unknown",
                    $"There is no query parameter '{key}' here{(parameters.Count == 0 ? "" : $"; there are {string.Join(", ", parameters.Keys.Order(StringComparer.Ordinal))}")}.");
            }

            if (type == typeof(bool) && !bool.TryParse(value, out _))
                throw RuleException.Invalid(key, "query.boolean", $"{key}={value} is neither true nor false.");
        }
    }
}
