namespace Xlnet.Domain.Xl.Syntax;

/// <summary>The tokens of xl's lexer (libxlu_cfg_l.l).</summary>
public enum SyntaxKind : byte
{
    EndOfFile,

    /// <summary><c>[a-z][._0-9a-z]*</c></summary>
    Identifier,

    /// <summary>Between <c>'</c> or <c>"</c>, on one line.</summary>
    String,

    /// <summary><c>[0-9][0-9a-fx]*</c></summary>
    Number,

    /// <summary>A line's end, together with the comment before it.</summary>
    NewLine,

    PlusEquals,
    EqualsSign,
    Semicolon,
    OpenBracket,
    CloseBracket,
    Comma,
}

/// <summary>
/// A token and what stands before it. The full texts of a file's tokens, one after the other, are the file:
/// <paramref name="FullStart"/> to <paramref name="Start"/> is trivia (blanks, and characters that xl's lexer refuses),
/// <paramref name="Start"/> to <paramref name="End"/> is the token.
/// </summary>
public readonly record struct SyntaxToken(SyntaxKind Kind, int FullStart, int Start, int End)
{
    public int Length => End - Start;
}

/// <summary>A place where xl's lexer or parser refuses a text.</summary>
/// <param name="Kind">What is wrong.</param>
/// <param name="Start">Offset of what xl names, or would name.</param>
/// <param name="Report">xl's own words as it prints them, without the file's name; null when xl is silent about this one
/// (it reports one error a line, and stops at the first line with something behind a value).</param>
public sealed record SyntaxError(SyntaxErrorKind Kind, int Start, int Length, string? Report);

public enum SyntaxErrorKind
{
    /// <summary>A character that starts no token.</summary>
    Character,

    /// <summary>A string without its closing quote on the same line.</summary>
    UnterminatedString,

    /// <summary>A last line that is a comment and has no line end.</summary>
    UnterminatedComment,

    /// <summary>A backslash sequence that xl refuses.</summary>
    Escape,

    /// <summary>A zero byte in a string, at which xl aborts.</summary>
    NulInString,

    /// <summary>A token where another must stand.</summary>
    Unexpected,

    /// <summary>Something behind a complete <c>name = value</c>, at which xl stops reading.</summary>
    TrailingGarbage,

    /// <summary><c>+=</c> of a list to a string, or of a string to a list.</summary>
    MixedAddition,

    /// <summary>Lists nested deeper than xl's parser can hold.</summary>
    TooDeep,

    /// <summary>More than the 1 MiB that xlnet reads; xl has no such limit.</summary>
    TooLarge,
}
