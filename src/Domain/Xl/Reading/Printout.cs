using System.Text;

namespace Xlnet.Domain.Xl;

/// <summary>
/// What xl prints. xl has no limit, and says a line for each word that it does not know; here the lines that begin within the
/// first 256 KiB are kept, and the one in which xl says why it ends. Ask <see cref="HasRoom"/> before putting a line together.
/// </summary>
internal sealed class Printout
{
    private const int Most = 1 << 18;

    private StringBuilder? _text;

    public bool HasRoom => _text is null || _text.Length < Most;

    public void Add(string line)
    {
        if (HasRoom)
            AddLast(line);
    }

    /// <summary>The line with which xl ends.</summary>
    public void AddLast(string line) => (_text ??= new StringBuilder()).Append(line).Append('\n');

    /// <summary>What xl prints without ending the line.</summary>
    public void AddPart(string text) => (_text ??= new StringBuilder()).Append(text);

    public override string ToString() => _text?.ToString().TrimEnd('\n') ?? "";
}
