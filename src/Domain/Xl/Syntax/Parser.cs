using System.Runtime.InteropServices;

namespace Xlnet.Domain.Xl.Syntax;

/// <summary>
/// Lexer and parser of guest files and xl.conf. They follow libxlu_cfg_l.l and libxlu_cfg_y.y to the letter, error recovery
/// included, so that what xl reports can be told word by word; where xl stops, they go on and stay silent.
/// Written as loops with a stack of their own: no text can make them recurse.
/// </summary>
internal sealed class Parser
{
    /// <summary>What xlnet reads at most, in bytes.</summary>
    private const int MaxLength = 1 << 20;

    /// <summary>States that xl's parser can hold (Bison's YYMAXDEPTH): it gives up between 2,000 and 4,997 nested lists.</summary>
    private const int StackLimit = 10_000;

    /// <summary>How many errors of a text are kept.</summary>
    private const int MaxErrors = 1000;

    private const string InStatement = "$end or IDENT or NEWLINE or ';'";
    private const string InAssignment = "+= or '='";
    private const string InValue = "STRING or NUMBER or '['";
    private const string InList = "']'";
    private const string AtEnd = "$end";

    private readonly string _text;
    private readonly List<SyntaxToken> _tokens;
    private readonly List<AssignmentSyntax> _assignments = [];
    private readonly List<SyntaxError> _errors = [];
    private readonly Stack<Frame> _open = new();
    private readonly Stack<Frame> _spare = new();
    private readonly string?[] _names = new string?[64];
    private Dictionary<string, bool>? _isList;

    // The lexer's place, and xl's view of it: yylineno, yylloc.first_line, yytext.
    private int _position;
    private int _line = 1;
    private int _tokenLine = 1;
    private int _xlTextStart;
    private SyntaxToken _token;

    // xl's error state: ctx->err, ctx->lexerrlineno, ctx->likely_python, yyerrstatus.
    private bool _failed;
    private int _lexErrorLine = -1;
    private bool _python;
    private int _errorStatus;
    private bool _stopped;
    private string? _abort;
    private int _deepest;

    /// <summary>Where a last character stands that starts no token: xl names it when it misses something at the end.</summary>
    private int _swallowed;

    // Line that has no further unescaped closing quote: an unterminated string is looked for once a line and quote.
    private int _noSingleBefore;
    private int _noDoubleBefore;

    private Parser(string text)
    {
        _text = text;
        _swallowed = text.Length;
        _tokens = new List<SyntaxToken>(text.Length / 6 + 16);
    }

    public static ConfigSyntax Parse(string text)
    {
        var parser = new Parser(text);
        if (text.Length > MaxLength)
            return TooLarge(text);
        parser.ParseFile();
        return new ConfigSyntax(
            text, parser._tokens, parser._assignments, parser._errors, parser._python, parser._abort, parser._deepest);
    }

    private static ConfigSyntax TooLarge(string text) => new(
        text,
        [new SyntaxToken(SyntaxKind.EndOfFile, 0, text.Length, text.Length)],
        [],
        [new SyntaxError(SyntaxErrorKind.TooLarge, 0, 0, null)],
        looksLikePython: false,
        abort: null,
        deepest: 0);

    private void ParseFile()
    {
        Next();
        while (true)
        {
            switch (_token.Kind)
            {
                case SyntaxKind.EndOfFile:
                    return;
                case SyntaxKind.NewLine or SyntaxKind.Semicolon:
                    Shift();
                    break;
                case SyntaxKind.Identifier:
                    if (!ParseAssignment())
                        Recover();
                    break;
                default:
                    Unexpected(InStatement);
                    Recover();
                    break;
            }
        }
    }

    private bool ParseAssignment()
    {
        var name = _token;
        Shift();
        if (_token.Kind is not (SyntaxKind.EqualsSign or SyntaxKind.PlusEquals))
            return Unexpected(InAssignment);
        var op = _token;
        Shift();

        var line = _tokenLine;
        ValueSyntax value;
        switch (_token.Kind)
        {
            case SyntaxKind.String or SyntaxKind.Number:
                value = new AtomSyntax(_text, _token);
                break;
            case SyntaxKind.OpenBracket:
                if (ParseList() is not { } list)
                    return false;
                value = list;
                break;
            default:
                return Unexpected(InValue);
        }

        var nameText = NameOf(name);
        Store(nameText, op, value);
        Shift();
        _assignments.Add(new AssignmentSyntax(nameText, name, op, value, _token, line));
        if (_token.Kind is SyntaxKind.NewLine or SyntaxKind.Semicolon or SyntaxKind.EndOfFile)
            return true;

        Unexpected(AtEnd, SyntaxErrorKind.TrailingGarbage);
        _stopped = true;
        return false;
    }

    /// <summary>Stands on the opening bracket; ends on the closing one, which is not yet shifted.</summary>
    private ListSyntax? ParseList()
    {
        while (_open.TryPop(out var left))
            left.Items.Clear();
        var states = 4;
        while (true)
        {
            // A value is due, or the end of the list.
            switch (_token.Kind)
            {
                case SyntaxKind.NewLine:
                    CheckStack(states + 1);
                    Shift();
                    continue;
                case SyntaxKind.OpenBracket:
                    var frame = _spare.TryPop(out var used) ? used : new Frame();
                    frame.Open = _token;
                    frame.StatesBefore = states;
                    _open.Push(frame);
                    _deepest = Math.Max(_deepest, _open.Count);
                    states += 2;
                    CheckStack(states);
                    if (states >= StackLimit)
                        return null;
                    Shift();
                    continue;
                case SyntaxKind.String or SyntaxKind.Number:
                    CheckStack(states + 2);
                    _open.Peek().Items.Add(new ListItemSyntax(new AtomSyntax(_text, _token), -1));
                    Shift();
                    break;
                case SyntaxKind.CloseBracket:
                    break;
                default:
                    Unexpected(InList);
                    return null;
            }

            // A value stands complete, or the list is empty or ends behind a comma.
            while (true)
            {
                while (_token.Kind == SyntaxKind.NewLine)
                    Shift();
                if (_token.Kind != SyntaxKind.CloseBracket)
                    break;
                CheckStack(_open.Peek().StatesBefore + 4);
                var closed = _open.Pop();
                var list = new ListSyntax(closed.Open, closed.Items.ToArray(), _token);
                closed.Items.Clear();
                _spare.Push(closed);
                if (_open.Count == 0)
                    return list;
                states = closed.StatesBefore;
                _open.Peek().Items.Add(new ListItemSyntax(list, -1));
                Shift();
            }

            if (_token.Kind != SyntaxKind.Comma)
            {
                Unexpected(InList);
                return null;
            }

            var top = _open.Peek();
            CollectionsMarshal.AsSpan(top.Items)[^1] = top.Items[^1] with { CommaStart = _token.Start };
            states = top.StatesBefore + 5;
            Shift();
        }
    }

    private void CheckStack(int states)
    {
        if (states < StackLimit || _stopped)
            return;
        Report(SyntaxErrorKind.TooDeep, _token.Start, _token.Length, _tokenLine, "memory exhausted", audible: true);
        _stopped = true;
    }

    private void Store(string name, SyntaxToken op, ValueSyntax value)
    {
        if (_failed)
            return;
        var isList = value is ListSyntax;
        if (op.Kind == SyntaxKind.PlusEquals)
        {
            if (_isList is null)
            {
                _isList = [];
                foreach (var earlier in _assignments)
                    _isList[earlier.Name] = earlier.Value is ListSyntax;
            }

            if (_isList.TryGetValue(name, out var wasList) && wasList != isList)
            {
                var last = value is ListSyntax list ? list.Close : ((AtomSyntax)value).Token;
                LexicalError(SyntaxErrorKind.MixedAddition, last.Start, last.End, "can't add [list] to \"string\" or vice versa");
                return;
            }
        }

        if (_isList is not null)
            _isList[name] = isList;
    }

    private void Shift()
    {
        if (_errorStatus > 0)
            _errorStatus--;
        Next();
    }

    /// <summary>Bison's <c>error NEWLINE</c>: skips to the end of the line.</summary>
    private void Recover()
    {
        _errorStatus = 3;
        while (_token.Kind is not (SyntaxKind.NewLine or SyntaxKind.EndOfFile))
            Next();
        if (_token.Kind == SyntaxKind.NewLine)
            Shift();
    }

    private bool Unexpected(string expected, SyntaxErrorKind kind = SyntaxErrorKind.Unexpected)
    {
        var message = _errors.Count < MaxErrors ? $"syntax error, unexpected {DisplayName(_token.Kind)}, expecting {expected}" : "";
        Report(kind, _token.Start, _token.Length, _tokenLine, message, _errorStatus == 0);
        return false;
    }

    private static string DisplayName(SyntaxKind kind) => kind switch
    {
        SyntaxKind.EndOfFile => "$end",
        SyntaxKind.Identifier => "IDENT",
        SyntaxKind.String => "STRING",
        SyntaxKind.Number => "NUMBER",
        SyntaxKind.NewLine => "NEWLINE",
        SyntaxKind.PlusEquals => "+=",
        SyntaxKind.EqualsSign => "'='",
        SyntaxKind.Semicolon => "';'",
        SyntaxKind.OpenBracket => "'['",
        SyntaxKind.CloseBracket => "']'",
        SyntaxKind.Comma => "','",
        _ => throw new ArgumentOutOfRangeException(nameof(kind)),
    };

    private void LexicalError(SyntaxErrorKind kind, int start, int end, string message)
    {
        var line = _line;
        _xlTextStart = start;
        Report(kind, start, end - start, line, message, true, end);
        if (!_stopped)
            _lexErrorLine = line;
    }

    /// <summary>xlu__cfg_yyerror: silent on a line that already had a lexical error.</summary>
    private void Report(SyntaxErrorKind kind, int start, int length, int line, string message, bool audible, int end = -1)
    {
        string? report = null;
        if (audible && !_stopped)
        {
            if (line > _lexErrorLine)
            {
                if (_errors.Count < MaxErrors)
                    report = Words(line, message, end);
                _failed = true;
            }
        }

        Add(new SyntaxError(kind, start, length, report));
    }

    private void Add(SyntaxError error)
    {
        if (_errors.Count < MaxErrors)
            _errors.Add(error);
    }

    private string Words(int line, string message, int end)
    {
        string near;
        if (end < 0 && _token.Kind == SyntaxKind.EndOfFile)
        {
            near = $"`{CStrings.Cut(_text[_swallowed..])}'";
        }
        else
        {
            var text = _text.AsSpan(_xlTextStart, (end < 0 ? _token.End : end) - _xlTextStart);
            var newline = "";
            if (text.Length > 0 && text[^1] == '\n')
            {
                text = text[..^1];
                line--;
                if (text.Length == 0)
                    newline = "<newline>";
            }

            text = text.TrimEnd(" \t");
            near = text.Length == 0 ? newline : $"`{CStrings.Cut(text.ToString())}'";
        }

        return string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{line}: config parsing error near {near}: {message}");
    }

    /// <summary>A name's text; a file says the same names again and again.</summary>
    private string NameOf(SyntaxToken token)
    {
        var name = _text.AsSpan(token.Start, token.Length);
        ref var slot = ref _names[(name.Length * 31 + name[0] * 7 + name[^1]) & 63];
        if (slot is null || !name.SequenceEqual(slot))
            slot = name.ToString();
        return slot;
    }

    // ---- the lexer ----

    private void Next()
    {
        _token = Lex();
        _tokens.Add(_token);
    }

    private SyntaxToken Lex()
    {
        var full = _position;
        var text = _text;
        while (_position < text.Length)
        {
            var start = _position;
            var c = text[start];
            switch (c)
            {
                case ' ' or '\t':
                    _position++;
                    continue;
                case '\n':
                    return NewLine(full, start, start + 1);
                case '#':
                    var end = text.IndexOf('\n', start);
                    if (end >= 0)
                        return NewLine(full, start, end + 1);
                    break;
                case >= 'a' and <= 'z':
                    while (++_position < text.Length && text[_position] is (>= 'a' and <= 'z') or (>= '0' and <= '9') or '.' or '_')
                    {
                    }

                    return Got(SyntaxKind.Identifier, full, start);
                case >= '0' and <= '9':
                    while (++_position < text.Length && text[_position] is (>= '0' and <= '9') or (>= 'a' and <= 'f') or 'x')
                    {
                    }

                    return Got(SyntaxKind.Number, full, start);
                case '\'' or '"':
                    if (FindClosingQuote(start, c) is >= 0 and var closing)
                    {
                        _position = closing + 1;
                        CheckString(start);
                        return Got(SyntaxKind.String, full, start);
                    }

                    break;
                case ',': return Got(SyntaxKind.Comma, full, start, 1);
                case '[': return Got(SyntaxKind.OpenBracket, full, start, 1);
                case ']': return Got(SyntaxKind.CloseBracket, full, start, 1);
                case '=': return Got(SyntaxKind.EqualsSign, full, start, 1);
                case ';': return Got(SyntaxKind.Semicolon, full, start, 1);
                case '+' when start + 1 < text.Length && text[start + 1] == '=':
                    return Got(SyntaxKind.PlusEquals, full, start, 2);
            }

            if (SkipBadText(full, start, c) is { } newLine)
                return newLine;
        }

        _xlTextStart = text.Length;
        return new SyntaxToken(SyntaxKind.EndOfFile, full, text.Length, text.Length);
    }

    /// <summary>A character that starts no token takes all up to the next blank with it. Alone at the end of a file it passes unseen.</summary>
    private SyntaxToken? SkipBadText(int full, int start, char first)
    {
        var text = _text;
        if (first is '+' or '-' or '.' or '(' or ')' or ':' && !_stopped)
            _python = true;
        _position++;
        if (_position == text.Length)
        {
            _swallowed = start;
            return null;
        }

        var kind = first switch
        {
            '\'' or '"' => SyntaxErrorKind.UnterminatedString,
            '#' => SyntaxErrorKind.UnterminatedComment,
            _ => SyntaxErrorKind.Character,
        };
        if (text[_position] == '\n')
        {
            _line++;
            LexicalError(kind, start, _position + 1, "lexical error");
            _tokenLine = _line;
            _position++;
            return new SyntaxToken(SyntaxKind.NewLine, full, _position - 1, _position);
        }

        if (text[_position] is ' ' or '\t')
        {
            _position++;
        }
        else
        {
            var blank = text.AsSpan(_position).IndexOfAny(' ', '\t', '\n');
            _position = blank < 0 ? text.Length : _position + blank;
        }

        LexicalError(kind, start, _position, "lexical error");
        return null;
    }

    private int FindClosingQuote(int start, char quote)
    {
        ref var none = ref quote == '\'' ? ref _noSingleBefore : ref _noDoubleBefore;
        if (start < none)
            return -1;
        var text = _text;
        var i = start + 1;
        for (; i < text.Length; i++)
        {
            var c = text[i];
            if (c == quote)
                return i;
            if (c == '\n' || c == '\\' && (++i >= text.Length || text[i] == '\n'))
                break;
        }

        none = Math.Min(i, text.Length);
        return -1;
    }

    private void CheckString(int start)
    {
        var body = _text.AsSpan(start + 1, _position - start - 2);
        if (body.IndexOf('\0') is >= 0 and var nul && !_failed && !_stopped && FindAbort(body[..nul], _text[start]) is { } abort)
        {
            Add(new SyntaxError(SyntaxErrorKind.NulInString, start + 1 + nul, 1, null));
            _abort = abort;
            _failed = _stopped = true;
        }

        if (Escapes.FindError(body, out var at) is not { } message)
            return;
        if (_failed)
        {
            Add(new SyntaxError(SyntaxErrorKind.Escape, start + 1 + at, 2, null));
            return;
        }

        _xlTextStart = start;
        LexicalError(SyntaxErrorKind.Escape, start, _position, message);
        if (_errors[^1].Start == start)
            _errors[^1] = _errors[^1] with { Start = start + 1 + at, Length = 2 };
        _failed = true;
    }

    /// <summary>
    /// The assertion of xlu__cfgl_dequote that fails on a string which, to C, ends at a zero byte. It asks for the quote at that end
    /// first: an escaped one will do, and then its backslash has nothing to escape, unless an escape before it is refused.
    /// </summary>
    private static string? FindAbort(ReadOnlySpan<char> body, char quote) =>
        body.Length == 0 || body[^1] != quote ? "607: xlu__cfgl_dequote: Assertion `len>=2 && src[0]==src[len-1]' failed."
        : Escapes.FindError(body[..^2], out _) is null ? "619: xlu__cfgl_dequote: Assertion `p < src+len-1' failed."
        : null;

    private SyntaxToken Got(SyntaxKind kind, int full, int start, int length = 0)
    {
        _position += length;
        _tokenLine = _line;
        _xlTextStart = start;
        return new SyntaxToken(kind, full, start, _position);
    }

    private SyntaxToken NewLine(int full, int start, int end)
    {
        _position = end;
        _tokenLine = _line++;
        _xlTextStart = start;
        return new SyntaxToken(SyntaxKind.NewLine, full, start, end);
    }

    /// <summary>A list that is not yet closed.</summary>
    private sealed class Frame
    {
        public SyntaxToken Open { get; set; }
        public int StatesBefore { get; set; }
        public List<ListItemSyntax> Items { get; } = [];
    }
}
