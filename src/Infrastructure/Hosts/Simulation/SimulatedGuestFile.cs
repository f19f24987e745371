using System.Globalization;
using Xlnet.Domain.Hosts;
using Xlnet.Domain.Xl;
using Xlnet.Domain.Xl.Syntax;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary>A guest file as xl hands it to libxl.</summary>
/// <param name="Message">xl's lines on standard error, each ended.</param>
internal sealed record SimulatedGuestFile(int ExitStatus, string Message, SimulatedDomain Domain, List<SimulatedVif> Vifs)
{
    /// <summary>What a guest gets whose file does not say, in MiB.</summary>
    private const int DefaultMemory = 32;

    /// <summary>How a reading calls the file that it is of.</summary>
    private const string GuestFileName = "guest.cfg";

    public static SimulatedGuestFile Parse(string path, byte[] content, VifDefaults defaults)
    {
        var file = GuestFile.Parse(XlText.FromBytes(content));
        var reading = file.ReadWith(defaults);
        // The reading was made for a file of some name; xl says the one that it was given.
        var message = Lines(reading.Message.Replace(GuestFileName + ":", path + ":", StringComparison.Ordinal));
        var domain = new SimulatedDomain { Name = XlText.Decode(file.Name ?? ""), Type = file.Type, Memory = DefaultMemory };
        foreach (var assignment in file.Syntax.Assignments)
        {
            if (assignment.Value is AtomSyntax atom)
                Set(domain, assignment.Name, XlText.Decode(atom.Value));
        }

        return new SimulatedGuestFile(
            reading.Accepted ? 0 : reading.ExitStatus, message, domain, [.. reading.Nics.Select(ToVif)]);
    }

    /// <returns>Its devid is -1 where none was given.</returns>
    public static SimulatedVif ToVif(XlNic nic)
    {
        var vif = new SimulatedVif { Devid = -1 };
        foreach (var (name, value) in nic.Properties)
        {
            var text = value is string s ? XlText.Decode(s) : Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";
            switch (name)
            {
                case "devid": vif.Devid = Convert.ToInt32(value, CultureInfo.InvariantCulture); break;
                case "mtu": vif.Mtu = Convert.ToInt64(value, CultureInfo.InvariantCulture); break;
                case "mac": vif.Mac = text; break;
                case "backend_domname": vif.BackendDomain = text; break;
                case "model": vif.Model = text; break;
                case "ip": vif.Ip = text; break;
                case "bridge": vif.Bridge = text; break;
                case "ifname": vif.VifName = text; break;
                case "script": vif.Script = text; break;
                case "nictype": (vif.NicType, vif.NicTypeSet) = (text, true); break;
                case "rate_bytes_per_interval": vif.RateBytesPerInterval = Convert.ToInt64(value, CultureInfo.InvariantCulture); break;
                case "rate_interval_usecs": vif.RateIntervalMicroseconds = Convert.ToInt64(value, CultureInfo.InvariantCulture); break;
                case "gatewaydev": vif.GatewayDev = text; break;
                case "trusted": vif.Trusted = value is true; break;
                default: vif.Other[name] = text; break;
            }
        }

        return vif;
    }

    /// <summary>Each line ended, as it stands on standard error.</summary>
    public static string Lines(string message) => message.Length == 0 || message.EndsWith('\n') ? message : message + "\n";

    private static void Set(SimulatedDomain domain, string name, string value)
    {
        switch (name)
        {
            case "kernel": domain.Kernel = value; break;
            case "ramdisk": domain.Ramdisk = value; break;
            case "extra" or "cmdline": domain.CommandLine = value; break;
            case "memory": domain.Memory = Number(value, DefaultMemory); break;
            case "vcpus": domain.Vcpus = Number(value, 1); break;
        }
    }

    private static int Number(string text, int otherwise) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : otherwise;
}
