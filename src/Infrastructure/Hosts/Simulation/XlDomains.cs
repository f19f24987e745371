using System.Globalization;
using System.Text;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>The commands that act on a domain as a whole.</summary>
internal static class XlDomains
{
    public static Answer Destroy(XlRun xl, IReadOnlyList<string> args)
    {
        var name = args[^1];
        if (XlRun.IsDom0(name))
            return Answer.Fail(1, "Not destroying domain 0; use -f to force.\nThis can only be done when using a disaggregated hardware domain and toolstack.\n\n");
        if (xl.Find(name) is not { } domain)
            return XlRun.Unknown(name);
        var stderr = new StringBuilder();
        Libxl.Destroy(xl.Dom0, domain, stderr);
        return new Answer(0, "", stderr.ToString());
    }

    public static Answer Shutdown(XlRun xl, IReadOnlyList<string> args)
    {
        if (xl.Find(args[^1]) is not { } domain)
            return XlRun.Unknown(args[^1]);
        domain.ShuttingDown = !Ignores(xl, domain);
        return new Answer(0, "", $"Shutting down domain {domain.Domid}\n");
    }

    public static Answer Reboot(XlRun xl, IReadOnlyList<string> args)
    {
        if (xl.Find(args[^1]) is not { } domain)
            return XlRun.Unknown(args[^1]);
        domain.Rebooting = !Ignores(xl, domain);
        return new Answer(0, "", $"Rebooting domain {domain.Domid}\n");
    }

    public static Answer Pause(XlRun xl, IReadOnlyList<string> args) => SetPaused(xl, args[0], true);

    public static Answer Unpause(XlRun xl, IReadOnlyList<string> args) => SetPaused(xl, args[0], false);

    public static Answer Rename(XlRun xl, IReadOnlyList<string> args)
    {
        if (xl.Find(args[0]) is not { } domain)
            return XlRun.Unknown(args[0]);
        if (xl.State.FindDomain(args[1]) is { } other && other != domain)
        {
            return Answer.Fail(
                1,
                $"libxl: error: libxl_domain.c:81:libxl__domain_rename: Domain {domain.Domid}:Domain with name \"{args[1]}\" already exists.\n"
                + $"Can't rename domain '{args[0]}'.\n");
        }

        domain.Name = args[1];
        return Answer.Nothing;
    }

    public static Answer Domid(XlRun xl, IReadOnlyList<string> args) => args[0] switch
    {
        "Domain-0" => Answer.Print("0\n"),
        var name when xl.State.FindDomain(name) is { } domain => Answer.Print(domain.Domid.ToString(CultureInfo.InvariantCulture) + "\n"),
        var name => Answer.Fail(1, $"Can't get domid of domain name '{name}', maybe this domain does not exist.\n"),
    };

    public static Answer Domname(XlRun xl, IReadOnlyList<string> args) => args[0] switch
    {
        "0" => Answer.Print("Domain-0\n"),
        var id when id.All(char.IsAsciiDigit) && xl.Find(id) is { } domain => Answer.Print(domain.Name + "\n"),
        var id => Answer.Fail(1, $"Can't get domain name of domain id '{id}', maybe this domain does not exist.\n"),
    };

    public static Answer ConfigUpdate(XlRun xl, IReadOnlyList<string> args) => xl.Find(args[0]) is { } domain
        ? new Answer(0, "", "WARNING: xl now has better capability to manage domain configuration, avoid using this command when possible\n" + $"setting dom{domain.Domid} configuration\n")
        : XlRun.Unknown(args[0]);

    private static bool Ignores(XlRun xl, SimulatedDomain domain) =>
        xl.State.IgnoringShutdown.Contains("*") || xl.State.IgnoringShutdown.Contains(domain.Name);

    private static Answer SetPaused(XlRun xl, string name, bool paused)
    {
        if (xl.Find(name) is not { } domain)
            return XlRun.Unknown(name);
        domain.Paused = paused;
        return Answer.Nothing;
    }
}
