using System.Globalization;
using System.Text;
using Xlnet.Domain.Xl;

namespace Xlnet.Infrastructure.Hosts.Simulation;

/// <summary><c>xl network-attach</c> and <c>xl network-detach</c>.</summary>
internal static class XlNetwork
{
    public static Answer Attach(XlRun xl, IReadOnlyList<string> args)
    {
        if (xl.Find(args[0]) is not { } domain)
            return XlRun.Unknown(args[0]);
        var reading = VifSpec.ReadStrictly([.. args.Skip(1).Select(XlText.Encode)]);
        if (!reading.Accepted)
            return Answer.Fail(reading.ExitStatus, SimulatedGuestFile.Lines(reading.Message));

        var vif = SimulatedGuestFile.ToVif(reading.Nics[0]);
        vif.Script ??= xl.Defaults.Script;
        vif.Bridge ??= xl.Defaults.Bridge;
        vif.GatewayDev ??= xl.Defaults.GatewayDev;
        vif.BackendDomain ??= xl.Defaults.Backend;
        // libxl__device_nextid: one more than the highest there is.
        if (vif.Devid < 0)
            vif.Devid = domain.Vifs.Select(v => v.Devid + 1).DefaultIfEmpty(0).Max();
        else if (domain.Vifs.Exists(v => v.Devid == vif.Devid))
            return Answer.Fail(1, $"libxl: error: libxl_device.c:1900:device_addrm: Domain {domain.Domid}:device already exists in xenstore\n" + "libxl_device_nic_add failed.\n");

        if (Libxl.SetDefaults(xl.Dom0, domain, vif, hotplug: true) is { } wrong)
            return Answer.Fail(1, wrong + "libxl_device_nic_add failed.\n");

        var connected = domain.CommandsUntilConnected < 0;
        vif.State = connected ? 4 : 1;
        var stderr = new StringBuilder();
        if (Libxl.AddVif(xl.Dom0, domain, vif, stderr).ExitStatus == 0)
            return new Answer(0, "", stderr.ToString());

        // The vif stays, and its frontend connects: only its link is down.
        stderr.Append(CultureInfo.InvariantCulture, $"libxl: error: libxl_device.c:1481:device_addrm_aocomplete: Domain {domain.Domid}:Unable to add vif with id {vif.Devid}\n");
        stderr.Append("libxl_device_nic_add failed.\n");
        return Answer.Fail(1, stderr.ToString());
    }

    public static Answer Detach(XlRun xl, IReadOnlyList<string> args)
    {
        if (xl.Find(args[0]) is not { } domain)
            return XlRun.Unknown(args[0]);
        var stderr = new StringBuilder();
        SimulatedVif? vif;
        if (args[1].Contains(':'))
        {
            vif = domain.Vifs.Find(v => v.Mac.Equals(args[1], StringComparison.OrdinalIgnoreCase));
        }
        else
        {
            var devid = AsciiToInteger(args[1]);
            vif = domain.Vifs.Find(v => v.Devid == devid);
            if (vif is null)
                stderr.Append(CultureInfo.InvariantCulture, $"libxl: error: libxl_xshelp.c:206:libxl__xs_read_mandatory: xenstore read failed: `/libxl/{domain.Domid}/device/vif/{devid}': No such file or directory\n");
        }

        if (vif is null)
            return Answer.Fail(1, stderr.Append(CultureInfo.InvariantCulture, $"Unknown device {args[1]}.\n").ToString());
        Libxl.RemoveVif(xl.Dom0, domain, vif, stderr);
        return new Answer(0, "", stderr.ToString());
    }

    /// <summary>atoi: leading digits, and 0 where there are none, so that "abc" is device 0.</summary>
    private static int AsciiToInteger(string text)
    {
        var digits = text.TakeWhile(char.IsAsciiDigit).Take(9).ToArray();
        return digits.Length == 0 ? 0 : int.Parse(digits, CultureInfo.InvariantCulture);
    }
}
