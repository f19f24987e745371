namespace Xlnet.Domain.Xl.Syntax;

/// <summary>The tree of a guest file or an xl.conf. It is lossless: every byte of the text belongs to exactly one token.</summary>
public sealed class ConfigSyntax
{
    internal ConfigSyntax(
        string text, IReadOnlyList<SyntaxToken> tokens, IReadOnlyList<AssignmentSyntax> assignments, IReadOnlyList<SyntaxError> errors, bool looksLikePython, string? abort, int deepest)
    {
        Text = text;
        Tokens = tokens;
        Assignments = assignments;
        Errors = errors;
        LooksLikePython = looksLikePython;
        Abort = abort;
        DeepestList = deepest;
    }

    public string Text { get; }

    /// <summary>All tokens in order, the end of the file last.</summary>
    public IReadOnlyList<SyntaxToken> Tokens { get; }

    /// <summary>The complete assignments, in order, also those of a file that xl refuses for something else.</summary>
    public IReadOnlyList<AssignmentSyntax> Assignments { get; }

    /// <summary>What xl refuses, the first 1,000. One is enough for it to refuse the whole file.</summary>
    public IReadOnlyList<SyntaxError> Errors { get; }

    /// <summary>xl adds a hint to its errors when it met one of <c>+ - . ( ) :</c> outside strings.</summary>
    public bool LooksLikePython { get; }

    /// <summary>A zero byte in a string makes xl abort rather than refuse: the assertion that fails, in libxlu_cfg.c.</summary>
    public string? Abort { get; }

    /// <summary>How deep lists are nested; 0 without a list.</summary>
    public int DeepestList { get; }

    public static ConfigSyntax Parse(string text) => Parser.Parse(text);

    public override string ToString() => Text;

    /// <summary>Line and column of an offset, both from 1; the column counts bytes.</summary>
    public (int Line, int Column) Locate(int offset)
    {
        _lineStarts ??= FindLineStarts(Text);
        var line = Array.BinarySearch(_lineStarts, offset);
        if (line < 0)
            line = ~line - 1;
        return (line + 1, offset - _lineStarts[line] + 1);
    }

    private int[]? _lineStarts;

    private static int[] FindLineStarts(string text)
    {
        var starts = new int[text.AsSpan().Count('\n') + 1];
        var line = 0;
        for (var i = text.IndexOf('\n'); i >= 0; i = text.IndexOf('\n', i + 1))
            starts[++line] = i + 1;
        return starts;
    }
}

/// <summary><c>name = value</c> or <c>name += value</c>.</summary>
/// <param name="End">The token that ends the statement: a line's end, a semicolon, or the end of the file.</param>
/// <param name="XlLine">The line that xl names in messages about this setting: where the value begins.</param>
public sealed record AssignmentSyntax(string Name, SyntaxToken NameToken, SyntaxToken Operator, ValueSyntax Value, SyntaxToken End, int XlLine)
{
    public bool IsAddition => Operator.Kind == SyntaxKind.PlusEquals;
}

/// <summary>A string, a number or a list.</summary>
public abstract class ValueSyntax
{
    public abstract int Start { get; }
    public abstract int End { get; }
}

/// <summary>A string or a number. xl makes no difference between the two.</summary>
public sealed class AtomSyntax(string text, SyntaxToken token) : ValueSyntax
{
    public SyntaxToken Token { get; } = token;

    /// <summary>A string of nothing. Many a vif is one.</summary>
    public bool IsEmpty => Token.Kind == SyntaxKind.String && Token.Length == 2;

    public override int Start => Token.Start;
    public override int End => Token.End;

    /// <summary>What xl makes of it: quotes taken off, escapes resolved. Made anew each time: most values are read once.</summary>
    public string Value => Token.Kind == SyntaxKind.String
        ? Escapes.Resolve(text.AsSpan(Token.Start + 1, Token.Length - 2))
        : text[Token.Start..Token.End];
}

/// <summary>A list. Line ends and comments inside it are tokens too; they stand in <see cref="ConfigSyntax.Tokens"/>.</summary>
public sealed class ListSyntax(SyntaxToken open, IReadOnlyList<ListItemSyntax> items, SyntaxToken close) : ValueSyntax
{
    public SyntaxToken Open { get; } = open;
    /// <summary>The values and the comma behind each; a last value may go without one.</summary>
    public IReadOnlyList<ListItemSyntax> Items { get; } = items;
    public SyntaxToken Close { get; } = close;

    public override int Start => Open.Start;
    public override int End => Close.End;
}

/// <param name="CommaStart">Where the comma behind it stands; -1 without one.</param>
public readonly record struct ListItemSyntax(ValueSyntax Value, int CommaStart)
{
    public bool HasComma => CommaStart >= 0;
}
