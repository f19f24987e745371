using Xlnet.Domain.Common;

namespace Xlnet.Api.Common;

/// <summary>Requests that have many parts: what is wrong in one is said with its place.</summary>
internal static class RequestParts
{
    /// <param name="pointer">Of the part; empty where it is the whole.</param>
    public static async Task<T> InAsync<T>(string pointer, Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (RuleException e) when (pointer.Length > 0)
        {
            throw e.Below(pointer);
        }
    }

    public static Task InAsync(string pointer, Func<Task> work) => InAsync(pointer, async () =>
    {
        await work();
        return true;
    });

    public static T In<T>(string pointer, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (RuleException e) when (pointer.Length > 0)
        {
            throw e.Below(pointer);
        }
    }

    /// <summary>A part names the version that its caller has seen by a member, as a whole request does by If-Match.</summary>
    /// <param name="present">The version of what is there; null when nothing is.</param>
    /// <exception cref="RuleException">412.</exception>
    public static void CheckIfMatch(string? match, uint? present)
    {
        if (match is null || present is { } version && (match == "*" || match == ApiDefaults.ETag(version)))
            return;
        throw new RuleException(RuleKind.PreconditionFailed, "precondition.if-match", present is null
            ? "'ifMatch' asks for something that is there, and nothing is."
            : $"'ifMatch' names {match}, and the version is {ApiDefaults.ETag(present.Value)} by now: read it again and decide anew.",
            new FieldError("/ifMatch", "precondition.if-match", "is of another version"));
    }
}
