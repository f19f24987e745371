using Xlnet.Domain.Xl.Syntax;

namespace Xlnet.Domain.Xl;

/// <summary>The settings of a file as libxlutil keeps them: the last assignment of a name counts, <c>+=</c> adds to the one before.</summary>
internal sealed class ConfigSettings
{
    private readonly Dictionary<string, Setting> _settings = [];

    public ConfigSettings(ConfigSyntax syntax)
    {
        foreach (var assignment in syntax.Assignments)
        {
            _settings.TryGetValue(assignment.Name, out var earlier);
            if (earlier is not null && assignment.IsAddition && earlier.IsList == assignment.Value is ListSyntax)
            {
                earlier.Parts.Add(assignment);
                earlier.Assignments++;
            }
            else
            {
                if (earlier is null)
                    _settings.Add(assignment.Name, earlier = new Setting());
                earlier.Parts.Clear();
                earlier.Parts.Add(assignment);
                earlier.Assignments++;
            }
        }
    }

    public Setting? Find(string name) => _settings.GetValueOrDefault(name);

    public string? FindString(string name) => Find(name) is { IsList: false } setting ? setting.Text : null;
}

internal sealed class Setting
{
    private string? _text;

    /// <summary>The assignment that counts, after those that it adds to.</summary>
    public List<AssignmentSyntax> Parts { get; } = new(1);

    /// <summary>How often the name is assigned in the file.</summary>
    public int Assignments { get; set; }

    public AssignmentSyntax Last => Parts[^1];

    public bool IsList => Last.Value is ListSyntax;

    /// <summary>xl cannot read a number from what was added to.</summary>
    public bool IsAddition => Last.IsAddition;

    public int XlLine => Last.XlLine;

    /// <summary>The strings put together; only for what is no list.</summary>
    public string Text => _text ??= Parts.Count == 1
        ? CStrings.Cut(((AtomSyntax)Last.Value).Value)
        : string.Concat(Parts.Select(p => CStrings.Cut(((AtomSyntax)p.Value).Value)));

    /// <summary>As a number (strtol, base 0); null where xl reads none from it.</summary>
    public long? Number
    {
        get
        {
            if (IsList || IsAddition)
                return null;
            var value = CStrings.Strtol(Text, 0, out var length, out var overflow);
            return overflow || length == 0 || length < Text.Length ? null : value;
        }
    }

    /// <summary>The items of all parts, each with its list and place in it; only for a list.</summary>
    public IEnumerable<(AssignmentSyntax Part, int Index, ValueSyntax Value)> Items
    {
        get
        {
            foreach (var part in Parts)
            {
                var items = ((ListSyntax)part.Value).Items;
                for (var i = 0; i < items.Count; i++)
                    yield return (part, i, items[i].Value);
            }
        }
    }
}
