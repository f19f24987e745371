using System.Globalization;
using Xlnet.Domain.Xl.Syntax;

namespace Xlnet.Domain.Xl;

/// <summary>The getters of libxlutil (libxlu_cfg.c), with what they print.</summary>
/// <param name="source">The file's name in xl's messages.</param>
internal class ConfigReader(ConfigSettings settings, string source)
{
    protected ConfigSettings Settings { get; } = settings;

    protected string Source { get; } = source;

    /// <summary>errno is ERANGE; a number that is read sets it anew.</summary>
    protected bool OutOfRange { get; set; }

    /// <summary>What xl prints.</summary>
    protected Printout Printout { get; } = new();

    protected void Print(string line) => Printout.Add(line);

    protected string? GetString(string name, bool warn = true)
    {
        if (Settings.Find(name) is not { } setting)
            return null;
        if (!setting.IsList)
            return setting.Text;
        if (warn)
            Print($"{Source}:{setting.XlLine}: warning: parameter `{name}' is a list but should be a single value");
        return null;
    }

    protected long? GetLong(string name, bool warn = true) => GetLong(name, long.MinValue, long.MaxValue, warn, out _);

    /// <param name="wrong">The setting is there and is no such number.</param>
    protected long? GetLong(string name, long min, long max, bool warn, out bool wrong)
    {
        wrong = true;
        if (Settings.Find(name) is not { } setting)
        {
            wrong = false;
            return null;
        }

        if (GetString(name, warn) is not { } text)
            return null;
        var line = setting.XlLine;
        if (setting.IsAddition)
            return Warn($"can't use += with numbers for parameter `{name}'");
        var value = CStrings.Strtol(text, 0, out var length, out var overflow);
        OutOfRange = overflow;
        if (overflow)
            return Warn($"parameter `{name}' could not be parsed as a number: Numerical result out of range");
        if (length == 0 || length < text.Length)
            return Warn($"parameter `{name}' is not a valid number");
        if (value < min)
            return Warn(string.Create(CultureInfo.InvariantCulture, $"value `{value}' is smaller than minimum bound '{min}'"));
        if (value > max)
            return Warn(string.Create(CultureInfo.InvariantCulture, $"value `{value}' is greater than maximum bound '{max}'"));
        wrong = false;
        return value;

        long? Warn(string message)
        {
            if (warn)
                Print(string.Create(CultureInfo.InvariantCulture, $"{Source}:{line}: warning: {message}"));
            return null;
        }
    }

    /// <summary>Reads settings for what they make xl print.</summary>
    protected void ReadLongs(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            GetLong(name);
    }

    protected void ReadStrings(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
            GetString(name);
    }

    /// <summary>The values of a list; a value that is a list itself is null.</summary>
    protected List<string?>? GetList(string name, bool warn = true)
    {
        if (Settings.Find(name) is not { } setting)
            return null;
        if (setting.IsList)
            return [.. setting.Items.Select(i => i.Value is AtomSyntax atom ? CStrings.Cut(atom.Value) : null)];
        if (warn)
            Print($"{Source}:{setting.XlLine}: warning: parameter `{name}' is a single value but should be a list");
        return null;
    }

    /// <summary>A list up to its first value that is a list, which is where most of xl's loops end.</summary>
    protected IEnumerable<string> GetItems(string name) => (GetList(name) ?? []).TakeWhile(i => i is not null)!;
}
