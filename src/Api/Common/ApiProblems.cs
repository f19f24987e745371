using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;
using Microsoft.EntityFrameworkCore;
using Npgsql;
using Xlnet.Domain.Common;
using Xlnet.Infrastructure.Hosts;

namespace Xlnet.Api.Common;

/// <summary>The one place where an error becomes an answer: a problem (RFC 9457) with a stable relative type.</summary>
internal sealed class ApiProblems(IProblemDetailsService problems, ILogger<ApiProblems> logger) : IExceptionHandler
{
    /// <summary>With a 503, in seconds: PostgreSQL restarts, and an issuer is reached again, in about as many.</summary>
    public const string RetryAfter = "5";

    public async ValueTask<bool> TryHandleAsync(HttpContext http, Exception exception, CancellationToken ct)
    {
        if (exception is OperationCanceledException && http.RequestAborted.IsCancellationRequested)
            return true;

        var problem = exception switch
        {
            RuleException e => OfRule(e),
            BodyException e => Problem(e.Status, e.Code, e.Message, e.Fields),
            BadHttpRequestException e => OfBadRequest(e),
            DbUpdateConcurrencyException => Problem(StatusCodes.Status409Conflict, "conflict.concurrent",
                "Someone else changed this at the same moment; nothing was changed. Read it again and decide anew."),
            HostShellException e => OfShell(e),
            HostAnswerException e => OfAnswer(e),
            _ when OfDatabase(exception) is { } e => OfPostgres(e),
            _ => null,
        };
        if (problem is null)
        {
            logger.LogError(exception, "{Method} {Path} failed", http.Request.Method, http.Request.Path);
            problem = Problem(StatusCodes.Status500InternalServerError, "internal", "xlnet failed. The log has the details under this request id.");
        }

        if (problem.Status == StatusCodes.Status503ServiceUnavailable)
        {
            logger.LogWarning("{Method} {Path} failed, as the database does not answer: {Message}", http.Request.Method, http.Request.Path, OfDatabase(exception)!.Message);
            http.Response.Headers.RetryAfter = RetryAfter;
        }

        http.Response.StatusCode = problem.Status!.Value;
        await problems.WriteAsync(new ProblemDetailsContext { HttpContext = http, ProblemDetails = problem, Exception = exception });
        return true;
    }

    /// <summary>What every problem carries, whoever wrote it.</summary>
    public static void Complete(ProblemDetailsContext context)
    {
        var problem = context.ProblemDetails;
        problem.Status ??= context.HttpContext.Response.StatusCode;
        if (!problem.Extensions.ContainsKey("code"))
        {
            // An answer of the framework itself, without any of ours.
            var (code, detail) = problem.Status switch
            {
                404 => ("not-found", $"There is nothing at {context.HttpContext.Request.Path}."),
                405 => ("method-not-allowed", $"{context.HttpContext.Request.Method} is not for {context.HttpContext.Request.Path}."),
                415 => ("content-type", "This content type is not taken here: send application/json, or text/plain where a file is meant."),
                var status => ($"http-{status}", problem.Detail ?? Title(status ?? 500)),
            };
            (problem.Type, problem.Title, problem.Detail) = ($"/problems/{code}", Title(problem.Status.Value), detail);
            problem.Extensions["code"] = code;
        }

        problem.Instance ??= context.HttpContext.Request.Path;
        problem.Extensions["requestId"] = context.HttpContext.TraceIdentifier;
        problem.Extensions.Remove("traceId");
    }

    public static ProblemDetails Problem(int status, string code, string detail, IReadOnlyList<FieldError>? fields = null)
    {
        var problem = new ProblemDetails { Status = status, Type = $"/problems/{code}", Title = Title(status), Detail = detail };
        problem.Extensions["code"] = code;
        if (fields is { Count: > 0 })
            problem.Extensions["errors"] = fields;
        return problem;
    }

    private static ProblemDetails OfRule(RuleException exception)
    {
        var problem = Problem(
            exception.Kind switch
            {
                RuleKind.Invalid => StatusCodes.Status422UnprocessableEntity,
                RuleKind.Forbidden => StatusCodes.Status403Forbidden,
                RuleKind.NotFound => StatusCodes.Status404NotFound,
                RuleKind.Conflict => StatusCodes.Status409Conflict,
                RuleKind.PreconditionFailed => StatusCodes.Status412PreconditionFailed,
                RuleKind.PreconditionRequired => StatusCodes.Status428PreconditionRequired,
                _ => throw new ArgumentOutOfRangeException(nameof(exception)),
            },
            exception.Code, exception.Message, exception.Fields);
        foreach (var (name, value) in exception.Extensions)
            problem.Extensions[name] = value;
        return problem;
    }

    private static ProblemDetails OfBadRequest(BadHttpRequestException exception) => exception.StatusCode == StatusCodes.Status413PayloadTooLarge
        ? Problem(StatusCodes.Status413PayloadTooLarge, "body.too-large", "The body is larger than 1 MiB (1,048,576 bytes).")
        : Problem(exception.StatusCode, "request.malformed", exception.Message);

    /// <summary>What PostgreSQL or the way to it had to say; Entity Framework puts it into exceptions of its own.</summary>
    private static NpgsqlException? OfDatabase(Exception exception) =>
        exception as NpgsqlException ?? (exception.InnerException is { } inner ? OfDatabase(inner) : null);

    private static ProblemDetails? OfPostgres(NpgsqlException exception) => exception.SqlState switch
    {
        PostgresErrorCodes.UniqueViolation => Problem(StatusCodes.Status409Conflict, "conflict.exists",
            $"Another one with the same value is there already ({((PostgresException)exception).ConstraintName})."),
        PostgresErrorCodes.ForeignKeyViolation => Problem(StatusCodes.Status409Conflict, "conflict.in-use",
            $"Something still refers to it, or what it refers to has just gone ({((PostgresException)exception).ConstraintName})."),
        // An undefined table is the sequence of a MAC pool that has just been deleted.
        PostgresErrorCodes.DeadlockDetected or PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.UndefinedTable => Problem(StatusCodes.Status409Conflict, "conflict.concurrent",
            "Someone else changed the same things at the same moment; nothing was changed. Try again."),
        _ when exception.IsTransient => Problem(StatusCodes.Status503ServiceUnavailable, "database.unavailable",
            $"xlnet's database does not answer, so nobody can tell whether this was done. Send it again after {RetryAfter} s; a POST with its Idempotency-Key, so that it is done once."),
        _ => null,
    };

    private static ProblemDetails OfShell(HostShellException exception)
    {
        var problem = Problem(StatusCodes.Status502BadGateway, exception.Code, exception.Message);
        foreach (var (name, value) in exception.Evidence)
            problem.Extensions[name] = value;
        return problem;
    }

    private static ProblemDetails OfAnswer(HostAnswerException exception)
    {
        var problem = Problem(StatusCodes.Status502BadGateway, exception.Code, exception.Message);
        if (exception.Command is { } command)
        {
            problem.Extensions["command"] = command.Argv;
            problem.Extensions["exitStatus"] = command.ExitStatus;
            problem.Extensions["stderr"] = command.Stderr;
        }

        return problem;
    }

    private static string Title(int status) => status switch
    {
        400 => "The request cannot be read",
        401 => "It is not known who asks",
        403 => "Not allowed",
        404 => "Not found",
        405 => "Method not allowed",
        409 => "It clashes with what is there",
        412 => "It has changed in between",
        413 => "Too large",
        415 => "Unsupported content type",
        422 => "It cannot be right",
        428 => "Say which version you mean",
        429 => "Too many requests",
        502 => "The host could not be asked",
        503 => "Not now",
        _ => "Error",
    };
}

internal static class JsonPointer
{
    /// <summary>A JSON path as System.Text.Json gives it (<c>$.vifs[0].mac</c>, <c>$['a b']</c>) as a JSON Pointer.</summary>
    public static string OfPath(string? path)
    {
        if (path is null || path == "$")
            return "";
        var pointer = new System.Text.StringBuilder();
        for (var i = 1; i < path.Length;)
        {
            string token;
            if (path[i] == '[' && i + 1 < path.Length && path[i + 1] == '\'')
            {
                var end = path.IndexOf("']", i + 2, StringComparison.Ordinal);
                end = end < 0 ? path.Length : end;
                token = path[(i + 2)..end];
                i = Math.Min(path.Length, end + 2);
            }
            else
            {
                var start = i + 1;
                var end = path.IndexOfAny(['.', '[', ']'], start);
                end = end < 0 ? path.Length : end;
                token = path[start..end];
                i = end < path.Length && path[end] == ']' ? end + 1 : end;
            }

            pointer.Append('/').Append(Escape(token));
        }

        return pointer.ToString();
    }

    public static string Unescape(string token) => token.Replace("~1", "/", StringComparison.Ordinal).Replace("~0", "~", StringComparison.Ordinal);

    public static string Escape(string token) => token.Replace("~", "~0", StringComparison.Ordinal).Replace("/", "~1", StringComparison.Ordinal);
}
