using System.Globalization;
using System.Text;
using DiffPlex;
using DiffPlex.Model;

namespace Xlnet.Infrastructure.Operations;

/// <summary>The difference of two files as <c>diff -u</c> prints it and <c>patch</c> reads it.</summary>
internal static class UnifiedDiff
{
    private const int Context = 3;

    /// <summary>
    /// To find what two files have in common takes as many steps as they have lines, times the lines that differ. Of more lines than these,
    /// only what is the same at their beginning and end is left out, and the rest told as one change.
    /// </summary>
    private const int MaxCompared = 10_000;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>
    /// Lines end at LF alone, so that a CR is a part of its line. Two files that both are UTF-8 are shown as such; else every byte
    /// is shown as the char of its number (Latin-1), and it takes that encoding to make a patch of it again.
    /// </summary>
    /// <param name="before">Null where there was no file.</param>
    /// <param name="after">Null where there will be none.</param>
    public static string Of(string path, byte[]? before, byte[]? after)
    {
        var (from, to) = (before ?? [], after ?? []);
        // Neither a patch nor PostgreSQL's text can hold a NUL.
        if (from.Contains((byte)0) || to.Contains((byte)0))
            return $"Binary files {Name(path, before)} and {Name(path, after)} differ";

        Encoding encoding = IsUtf8(from) && IsUtf8(to) ? StrictUtf8 : Encoding.Latin1;
        var diff = Compare(encoding.GetString(from), encoding.GetString(to));
        var text = new StringBuilder($"--- {Name(path, before)}\n+++ {Name(path, after)}\n");
        for (var first = 0; first < diff.DiffBlocks.Count;)
        {
            // Two changes whose contexts touch are one hunk.
            var last = first;
            while (last + 1 < diff.DiffBlocks.Count && diff.DiffBlocks[last + 1].DeleteStartA - EndOf(diff, last) <= 2 * Context)
                last++;
            AddHunk(text, diff, first, last);
            first = last + 1;
        }

        return text.ToString(0, text.Length - 1);
    }

    private static DiffResult Compare(string before, string after)
    {
        var (old, @new) = (Lines.Instance.Chunk(before), Lines.Instance.Chunk(after));
        if (old.Count + @new.Count <= MaxCompared)
            return Differ.Instance.CreateDiffs(before, after, ignoreWhiteSpace: false, ignoreCase: false, Lines.Instance);
        var (same, most) = (0, Math.Min(old.Count, @new.Count));
        while (same < most && old[same] == @new[same])
            same++;
        var end = 0;
        while (end < most - same && old[^(end + 1)] == @new[^(end + 1)])
            end++;
        var (deleted, inserted) = (old.Count - same - end, @new.Count - same - end);
        return new DiffResult(old, @new, deleted + inserted == 0 ? [] : [new DiffBlock(same, deleted, same, inserted)]);
    }

    private static void AddHunk(StringBuilder text, DiffResult diff, int first, int last)
    {
        var start = diff.DiffBlocks[first];
        var lead = Math.Min(Context, start.DeleteStartA);
        var (fromA, fromB) = (start.DeleteStartA - lead, start.InsertStartB - lead);
        var tail = Math.Min(Context, diff.PiecesOld.Count - EndOf(diff, last));
        var (countA, countB) = (EndOf(diff, last) + tail - fromA, diff.DiffBlocks[last].InsertStartB + diff.DiffBlocks[last].InsertCountB + tail - fromB);

        text.Append(CultureInfo.InvariantCulture, $"@@ -{Range(fromA, countA)} +{Range(fromB, countB)} @@\n");
        var line = fromA;
        for (var i = first; i <= last; i++)
        {
            var block = diff.DiffBlocks[i];
            AddLines(text, ' ', diff.PiecesOld, line, block.DeleteStartA);
            AddLines(text, '-', diff.PiecesOld, block.DeleteStartA, EndOf(diff, i));
            AddLines(text, '+', diff.PiecesNew, block.InsertStartB, block.InsertStartB + block.InsertCountB);
            line = EndOf(diff, i);
        }

        AddLines(text, ' ', diff.PiecesOld, line, line + tail);
    }

    private static int EndOf(DiffResult diff, int block) => diff.DiffBlocks[block].DeleteStartA + diff.DiffBlocks[block].DeleteCountA;

    /// <summary>A range without lines is named by the line before it.</summary>
    private static string Range(int from, int count) => string.Create(CultureInfo.InvariantCulture, $"{(count == 0 ? from : from + 1)},{count}");

    private static void AddLines(StringBuilder text, char mark, IReadOnlyList<string> lines, int from, int to)
    {
        for (var i = from; i < to; i++)
        {
            text.Append(mark).Append(lines[i]);
            if (!lines[i].EndsWith('\n'))
                text.Append("\n\\ No newline at end of file\n");
        }
    }

    private static string Name(string path, byte[]? content) => content is null ? "/dev/null" : path;

    private static bool IsUtf8(byte[] bytes) => System.Text.Unicode.Utf8.IsValid(bytes);

    /// <summary>Each line with the LF that ends it, so that a last line without one differs from one with it.</summary>
    private sealed class Lines : IChunker
    {
        public static readonly Lines Instance = new();

        public IReadOnlyList<string> Chunk(string text)
        {
            var lines = new List<string>();
            for (var start = 0; start < text.Length;)
            {
                var end = text.IndexOf('\n', start) + 1;
                if (end == 0)
                    end = text.Length;
                lines.Add(text[start..end]);
                start = end;
            }

            return lines;
        }
    }
}
