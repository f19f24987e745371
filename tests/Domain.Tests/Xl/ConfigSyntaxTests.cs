using FsCheck;
using FsCheck.Fluent;
using Xlnet.Domain.Vifs;
using Xlnet.Domain.Xl;
using Xlnet.Domain.Xl.Syntax;
using Xunit;

namespace Xlnet.Domain.Tests.Xl;

public class ConfigSyntaxTests
{
    private static readonly Gen<string> AnyText = Gen.ArrayOf(Gen.OneOf(
        Gen.Choose(0, 255).Select(b => ((char)b).ToString()),
        Gen.Elements("vif", "=", "+=", "[", "]", "'", "\"", "\\", ",", ";", "\n", "\r\n", "# c\n", "#", " ", "\t", "12", "x", "\0", "'a'", "@"))).Select(string.Concat);

    [Fact]
    public void Tokens_OfAnyBytes_AreTheText() =>
        Prop.ForAll(Arb.From(AnyText), text =>
        {
            var syntax = ConfigSyntax.Parse(text);
            var position = 0;
            foreach (var token in syntax.Tokens)
            {
                Assert.Equal(position, token.FullStart);
                Assert.InRange(token.Start, token.FullStart, token.End);
                position = token.End;
            }

            Assert.Equal(text.Length, position);
            Assert.Equal(text, GuestFile.Parse(text).ToString());
            Assert.NotNull(GuestFile.Parse(text).Findings);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000).WithEndSize(60));

    [Fact]
    public void WithVifs_OnAnyBytes_NeverThrowsAndReadsRight() =>
        Prop.ForAll(Arb.From(AnyText), text =>
        {
            var file = GuestFile.Parse("name='g'\nkernel='/k'\n" + text);
            VifTarget[] targets = [new(1, new VifSettings { Bridge = "b'r" }), new(0, VifSettings.Empty)];

            var after = file.WithVifs(targets);

            if (file.Syntax.Errors.Count == 0)
                Assert.Equal(targets, after.Vifs.Select(v => new VifTarget(v.Devid, v.Settings)));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000).WithEndSize(60));

    [Theory]
    [InlineData("vif = [ 'bridge=a\\'b,mtu=1400' ]\n", "vif = [ 'bridge=a\\'b,mtu=9000' ]\n")]
    [InlineData("vif = [ \"ip=\\1011,mtu=1400\" ]\n", "vif = [ \"ip=\\1011,mtu=9000\" ]\n")]
    [InlineData("vif=['mtu=1400',]#c\n", "vif=['mtu=9000',]#c\n")]
    public void WithVifs_EscapesElsewhere_StayAsTheyAre(string text, string expected)
    {
        var file = GuestFile.Parse(text);

        Assert.Equal(expected, file.WithVifs([new(0, file.Vifs[0].Settings with { Mtu = 9000 })]).ToString());
    }

    [Theory]
    [InlineData("name = 'a' # c\n", "name = 'b\\'c' # c\n")]
    [InlineData("name = \"a\"\nname += \"x\"\n", "name = \"a\"\nname = \"b'c\"\n")]
    [InlineData("memory = 1", "memory = 1\nname = 'b\\'c'\n")]
    public void With_AnotherName_ChangesOnePlace(string text, string expected)
    {
        var file = GuestFile.Parse(text).With("name", "b'c");

        Assert.Equal(expected, file.ToString());
        Assert.Equal("b'c", file.Name);
    }

    [Theory]
    [InlineData("memory = 1 # MiB\n", "memory = 512 # MiB\n")]
    [InlineData("memory = '1'; vcpus=2\n", "memory = '512'; vcpus=2\n")]
    [InlineData("memory=1\nmemory=2\n", "memory=1\nmemory=512\n")]
    [InlineData("memory = [ 1 ]\n", "memory = 512\n")]
    [InlineData("memory = 0x200\n", "memory = 0x200\n")]
    [InlineData("name = 'g'\n# last", "name = 'g'\n# last\nmemory = 512\n")]
    [InlineData("", "memory = 512\n")]
    public void With_Number_ChangesItsValueAlone(string text, string expected)
    {
        var file = GuestFile.Parse(text).With("memory", 512);

        Assert.Equal(expected, file.ToString());
        Assert.Equal(512, file.FindNumber("memory"));
    }

    [Theory]
    [InlineData("name='g'\nextra = \"x\" # c\nmemory=1\n", "name='g'\n# c\nmemory=1\n")]
    [InlineData("name='g'\n  extra = 'x'\nmemory=1\n", "name='g'\nmemory=1\n")]
    [InlineData("name='g'; extra = 'x'; memory=1\n", "name='g'; memory=1\n")]
    [InlineData("extra='a'\nextra+='b'\n", "")]
    [InlineData("name='g'", "name='g'")]
    public void With_Null_TakesTheKeyOut(string text, string expected)
    {
        var file = GuestFile.Parse(text).With("extra", null);

        Assert.Equal(expected, file.ToString());
        Assert.Null(file.Find("extra"));
    }

    [Theory]
    [InlineData("vif")]
    [InlineData("")]
    [InlineData("Memory")]
    [InlineData("a b")]
    [InlineData("a='x'\nb")]
    public void With_WhatIsNoKey_Throws(string key) => Assert.Throws<ArgumentException>(() => GuestFile.Parse("").With(key, "x"));

    [Fact]
    public void FromBytes_AnyBytes_ComeBack()
    {
        byte[] bytes = [.. Enumerable.Range(0, 256).Select(b => (byte)b)];

        Assert.Equal(bytes, XlText.ToBytes(XlText.FromBytes(bytes)));
        Assert.Equal("é", XlText.Decode("\u00c3\u00a9"));
        Assert.Equal("\u00ff", XlText.Decode("\u00ff"));
        Assert.Equal("\u00e2\u0082\u00ac", XlText.Encode("€"));
    }
}
