using System.Globalization;
using System.Text.Json;
using FluentValidation;
using Microsoft.AspNetCore.Mvc;
using Microsoft.Net.Http.Headers;
using Xlnet.Domain.Common;

namespace Xlnet.Api.Common;

/// <summary>What every endpoint does the same way.</summary>
internal static class ApiDefaults
{
    /// <exception cref="RuleException">422, with every field at fault.</exception>
    public static void Validate<T>(IServiceProvider services, T body)
    {
        var result = services.GetRequiredService<IValidator<T>>().Validate(body);
        if (result.IsValid)
            return;
        FieldError[] errors = [.. result.Errors.Select(e => new FieldError(Pointer(e.PropertyName) + e.CustomState, e.ErrorCode, e.ErrorMessage))];
        throw new RuleException(RuleKind.Invalid, "validation",
            errors.Length == 1 ? errors[0].Message : $"{errors.Length} fields are wrong; 'errors' says which.", errors);
    }

    /// <summary>
    /// Checks If-Match and If-None-Match against what is there.
    /// </summary>
    /// <param name="current">The version of what is there; null when nothing is.</param>
    /// <exception cref="RuleException">412.</exception>
    public static void CheckPreconditions(HttpContext http, uint? current)
    {
        var tag = current is { } version ? ETag(version) : null;
        var match = http.Request.Headers.IfMatch.ToString();
        if (match.Length > 0 && (tag is null || match != "*" && !match.Split(',').Any(m => m.Trim() == tag)))
        {
            throw new RuleException(RuleKind.PreconditionFailed, "precondition.if-match", tag is null
                ? "If-Match asks for something that is there, and nothing is."
                : $"If-Match names {match}, and the version is {tag} by now: read it again and decide anew.");
        }

        var none = http.Request.Headers.IfNoneMatch.ToString();
        if (!HttpMethods.IsGet(http.Request.Method) && none.Length > 0 && tag is not null && (none == "*" || none.Split(',').Any(m => m.Trim() == tag)))
            throw new RuleException(RuleKind.PreconditionFailed, "precondition.if-none-match", "If-None-Match asks for nothing to be there, and something is.");
    }

    public static string ETag(uint version) => string.Create(CultureInfo.InvariantCulture, $"\"{version:x}\"");

    /// <summary>Sends the version of what the answer shows.</summary>
    public static void SetETag(HttpContext http, uint version) => http.Response.Headers.ETag = ETag(version);

    /// <summary>
    /// A failure of a rule about an object as a whole, with the pointer from that object to the member at fault.
    /// </summary>
    public static void AddFailure<T>(this ValidationContext<T> context, string pointer, string code, string message) =>
        context.AddFailure(new FluentValidation.Results.ValidationFailure(context.PropertyPath, message) { ErrorCode = code, CustomState = pointer });

    /// <summary>
    /// The body is a file. Meant is text/plain, and the OpenAPI document says so; but curl calls every body a form unless it is told
    /// otherwise, and the bytes are the file all the same.
    /// </summary>
    public static RouteHandlerBuilder AcceptsFile(this RouteHandlerBuilder endpoint) =>
        endpoint.Accepts<string>("text/plain", "application/octet-stream", "application/x-www-form-urlencoded");

    /// <summary>A body of raw bytes: a file, in whatever encoding.</summary>
    public static async Task<byte[]> ReadFileAsync(HttpContext http)
    {
        if (http.Request.ContentType is { } given && !MediaTypeHeaderValue.TryParse(given, out _))
            throw BodyException.OfType("text/plain");
        return (await JsonBodies.ReadBytesAsync(http)).ToArray();
    }

    private static string Pointer(string property) =>
        property.Length == 0 ? "" : JsonPointer.OfPath("$." + string.Join('.', property.Split('.').Select(JsonNamingPolicy.CamelCase.ConvertName)));
}

/// <summary>Names in the URL. What is no name at all is a problem that says the rule.</summary>
internal static class RouteNames
{
    public static ResourceName Host(string text) => Parse<ResourceName>(text, "host", ResourceName.Rule);

    public static ResourceName Pool(string text) => Parse<ResourceName>(text, "pool", ResourceName.Rule);

    public static ResourceName Key(string text) => Parse<ResourceName>(text, "key", ResourceName.Rule);

    public static GuestName Guest(string text) => Parse<GuestName>(text, "guest", GuestName.Rule);

    public static InterfaceName Bridge(string text) => Parse<InterfaceName>(text, "bridge", InterfaceName.Rule);

    public static ResourceName Subnet(string text) => Parse<ResourceName>(text, "subnet", ResourceName.Rule);

    private static T Parse<T>(string text, string parameter, string rule) where T : IParsable<T> =>
        T.TryParse(text, null, out var name)
            ? name
            : throw RuleException.Invalid(parameter, $"{parameter}.name", $"'{text}' cannot name a {parameter}: {rule}.");
}

/// <summary>Where a page begins, how long it is, and how the list is ordered.</summary>
internal sealed record PageQuery(
    [property: FromQuery(Name = "cursor")] string? Cursor, [property: FromQuery(Name = "limit")] string? Limit, [property: FromQuery(Name = "sort")] string? Sort)
{
    public const int DefaultLimit = 100;
    public const int MaxLimit = 1000;

    public int Size =>
        Limit is null ? DefaultLimit
        : int.TryParse(Limit, NumberStyles.None, CultureInfo.InvariantCulture, out var limit) && limit is >= 1 and <= MaxLimit ? limit
        : throw RuleException.Invalid("limit", "page.limit", $"limit={Limit} is out of range: 1 to {MaxLimit}.");

    /// <summary>The key of the last item of the page before; null on the first page.</summary>
    public string? After
    {
        get
        {
            if (Cursor is null)
                return null;
            try
            {
                var bytes = System.Buffers.Text.Base64Url.DecodeFromChars(Cursor);
                var text = new System.Text.UTF8Encoding(false, throwOnInvalidBytes: true).GetString(bytes);
                if (!text.Contains('\0'))
                    return text;
            }
            catch (Exception e) when (e is FormatException or ArgumentException)
            {
            }

            throw RuleException.Invalid("cursor", "page.cursor", "This cursor is none of xlnet's: take 'next' of the page before, or leave it out.");
        }
    }

    /// <summary>Whether a list with one order is to run down, from the greatest on; a cursor goes on in whichever direction is asked for with it.</summary>
    /// <param name="field">What it is ordered by.</param>
    /// <param name="usually">How it runs unless the request says.</param>
    /// <exception cref="RuleException">422 for another order.</exception>
    public bool RunsDown(string field, bool usually = false) =>
        Sort is null ? usually
        : Sort == field ? false
        : Sort == $"-{field}" ? true
        : throw RuleException.Invalid("sort", "query.sort", $"sort={Sort} is no order of this list: there are {field}, -{field}.");

    /// <summary>A page of items that were read with one more than its size.</summary>
    public Page<TOut> ToPage<TIn, TOut>(List<TIn> items, Func<TIn, TOut> convert, Func<TIn, string> key)
    {
        var more = items.Count > Size;
        var shown = more ? items.GetRange(0, Size) : items;
        return new Page<TOut>([.. shown.Select(convert)],
            more ? System.Buffers.Text.Base64Url.EncodeToString(System.Text.Encoding.UTF8.GetBytes(key(shown[^1]))) : null);
    }
}
