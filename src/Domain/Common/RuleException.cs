namespace Xlnet.Domain.Common;

/// <summary>A request that xlnet's rules refuse. It becomes a problem (RFC 9457) with <see cref="Code"/> as its type.</summary>
public sealed class RuleException : Exception
{
    public RuleException(RuleKind kind, string code, string message, params IReadOnlyList<FieldError> fields) : base(message)
    {
        Kind = kind;
        Code = code;
        Fields = fields;
    }

    public RuleKind Kind { get; }

    /// <summary>Stable, such as <c>mac.in-use</c>.</summary>
    public string Code { get; }

    /// <summary>The fields at fault, where fields are.</summary>
    public IReadOnlyList<FieldError> Fields { get; }

    /// <summary>What else the caller can act on, such as the vif that holds an address.</summary>
    public Dictionary<string, object> Extensions { get; } = [];

    public RuleException With(string name, object value)
    {
        Extensions[name] = value;
        return this;
    }

    /// <summary>The same, about a part of a larger request.</summary>
    /// <param name="part">The pointer to that part. What is at fault in its URL, is at fault there as a whole.</param>
    public RuleException Below(string part)
    {
        var below = new RuleException(Kind, Code, Message, [.. Fields.Select(f => f with { Pointer = f.Pointer.StartsWith('/') ? part + f.Pointer : part })]);
        foreach (var (name, value) in Extensions)
            below.With(name, value);
        return below;
    }

    public static RuleException NotFound(string what, string name) =>
        new(RuleKind.NotFound, $"{what}.not-found", $"There is no {what.Replace('-', ' ')} '{name}' here.");

    public static RuleException Invalid(string pointer, string code, string message) =>
        new(RuleKind.Invalid, code, message, new FieldError(pointer, code, message));
}

public enum RuleKind
{
    /// <summary>What was sent can never be right.</summary>
    Invalid,

    NotFound,

    /// <summary>Whoever asks may not have it.</summary>
    Forbidden,

    /// <summary>It clashes with what is there now.</summary>
    Conflict,

    /// <summary>The caller's If-Match names another version than the current one.</summary>
    PreconditionFailed,

    /// <summary>It replaces so much that the caller must say, by If-Match, which version he saw.</summary>
    PreconditionRequired,
}

/// <param name="Pointer">JSON Pointer (RFC 6901) into the body; for a query or path parameter its name.</param>
public sealed record FieldError(string Pointer, string Code, string Message);
