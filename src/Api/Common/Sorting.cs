using System.Globalization;
using System.Linq.Expressions;
using System.Reflection;
using Xlnet.Domain.Common;

namespace Xlnet.Api.Common;

/// <summary>
/// The orders that a list may be asked for: by name, or by a time and then by name, each from either end. A page goes on after the last item
/// of the one before, so what comes and goes meanwhile moves nothing.
/// </summary>
/// <param name="name">The name in a statement.</param>
/// <param name="nameOf">The same of a row that has been read.</param>
internal sealed class Sorting<T>(Expression<Func<T, string>> name, Func<T, string> nameOf)
{
    private static readonly MethodInfo Compare = typeof(string).GetMethod(nameof(string.Compare), [typeof(string), typeof(string)])!;

    private readonly Dictionary<string, Expression<Func<T, DateTimeOffset>>> _times = [];
    private readonly Dictionary<string, Func<T, DateTimeOffset>> _timesOf = [];

    /// <summary>What <c>sort</c> may say.</summary>
    public IEnumerable<string> Names => [.. _times.Keys.Prepend("name").SelectMany(n => new[] { n, "-" + n })];

    public Sorting<T> Or(string field, Expression<Func<T, DateTimeOffset>> time)
    {
        (_times[field], _timesOf[field]) = (time, time.Compile());
        return this;
    }

    /// <summary>The rows of a page, and one more where there are more.</summary>
    /// <exception cref="RuleException">422 for an order or a cursor that is none of this list's.</exception>
    public IQueryable<T> Page(IQueryable<T> rows, PageQuery page)
    {
        var (time, down) = Read(page);
        if (page.After is { } cursor)
            rows = rows.Where(After(cursor, page, time, down));
        var ordered = (time, down) switch
        {
            (null, false) => rows.OrderBy(name),
            (null, true) => rows.OrderByDescending(name),
            (_, false) => rows.OrderBy(time).ThenBy(name),
            (_, true) => rows.OrderByDescending(time).ThenByDescending(name),
        };
        return ordered.Take(page.Size + 1);
    }

    /// <summary>The cursor of a row: its name, and where times come first, the order and the time as well.</summary>
    public string CursorOf(T row, PageQuery page) => Read(page).Time is not null
        ? string.Create(CultureInfo.InvariantCulture, $"{page.Sort}/{_timesOf[page.Sort!.TrimStart('-')](row).UtcTicks}/{nameOf(row)}")
        : page.Sort == "-name" ? $"-name/{nameOf(row)}" : nameOf(row);

    private (Expression<Func<T, DateTimeOffset>>? Time, bool Down) Read(PageQuery page)
    {
        var sort = page.Sort ?? "name";
        var down = sort.StartsWith('-');
        var field = down ? sort[1..] : sort;
        return field == "name" ? (null, down)
            : _times.TryGetValue(field, out var time) ? (time, down)
            : throw RuleException.Invalid("sort", "query.sort", $"sort={page.Sort} is no order of this list: there are {string.Join(", ", Names)}.");
    }

    private Expression<Func<T, bool>> After(string cursor, PageQuery page, Expression<Func<T, DateTimeOffset>>? time, bool down)
    {
        string[] parts = [.. cursor.Split('/')];
        var expected = time is not null ? 3 : page.Sort == "-name" ? 2 : 1;
        if (parts.Length != expected || expected > 1 && parts[0] != page.Sort)
            throw RuleException.Invalid("cursor", "page.cursor", "This cursor is of another list, or of another order of it.");
        var row = name.Parameters[0];
        var compared = Expression.Call(Compare, name.Body, Value(parts[^1]));
        var further = down ? Expression.LessThan(compared, Expression.Constant(0)) : Expression.GreaterThan(compared, Expression.Constant(0));
        if (time is null)
            return Expression.Lambda<Func<T, bool>>(further, row);
        if (!long.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var ticks) || ticks > DateTimeOffset.MaxValue.UtcTicks)
            throw RuleException.Invalid("cursor", "page.cursor", "This cursor is of another list, or of another order of it.");
        var at = new Rebind(time.Parameters[0], row).Visit(time.Body);
        var seen = Value(new DateTimeOffset(ticks, TimeSpan.Zero));
        return Expression.Lambda<Func<T, bool>>(
            Expression.OrElse(down ? Expression.LessThan(at, seen) : Expression.GreaterThan(at, seen), Expression.AndAlso(Expression.Equal(at, seen), further)), row);
    }

    /// <summary>A parameter of the statement, which a constant would not be.</summary>
    private static MemberExpression Value<TValue>(TValue value) => Expression.Property(Expression.Constant(new Box<TValue>(value)), nameof(Box<TValue>.Value));

    private sealed record Box<TValue>(TValue Value);

    private sealed class Rebind(ParameterExpression from, ParameterExpression to) : ExpressionVisitor
    {
        protected override Expression VisitParameter(ParameterExpression node) => node == from ? to : base.VisitParameter(node);
    }
}
