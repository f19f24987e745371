using Xlnet.Domain.Hosts;
using Xlnet.Domain.Xl.Syntax;

namespace Xlnet.Domain.Xl;

/// <summary>An xl.conf (xl.conf(5)). Immutable; an edit keeps every byte that it need not change.</summary>
public sealed class XlConf
{
    internal const string FileName = "/etc/xen/xl.conf";

    private readonly ConfigSettings _settings;

    private XlConf(string text)
    {
        Syntax = ConfigSyntax.Parse(text);
        _settings = new ConfigSettings(Syntax);
        Defaults = new VifDefaults(
            Effective("vif.default.script", "vifscript"),
            Effective("vif.default.bridge", "defaultbridge"),
            Effective("vif.default.backend", null),
            Effective("vif.default.gatewaydev", null));
        Reading = XlConfReader.Read(Syntax, _settings);
        Findings = [.. FileFindings.OfConf(Syntax, _settings, Reading).OrderBy(f => f.Line).ThenBy(f => f.Column)];
    }

    public ConfigSyntax Syntax { get; }

    /// <summary>What is in force, deprecated names included.</summary>
    public VifDefaults Defaults { get; }

    public IReadOnlyList<Finding> Findings { get; }

    /// <summary>A refused xl.conf makes every xl command exit with status 1.</summary>
    public bool Accepted => Reading.Accepted;

    /// <summary>What xl would say of it before it does anything else.</summary>
    public XlReading Reading { get; }

    public static XlConf Parse(string text) => new(text);

    /// <summary>Those that a host's file gives; a host without one has none.</summary>
    public static VifDefaults DefaultsOf(byte[]? file) => file is null ? VifDefaults.None : Parse(XlText.FromBytes(file)).Defaults;

    public override string ToString() => Syntax.Text;

    /// <summary>What xl would say of a guest file under this xl.conf.</summary>
    public XlReading ReadGuest(GuestFile guest)
    {
        if (!Accepted)
            return Reading;
        var reading = guest.ReadWith(Defaults);
        if (Reading.Message.Length == 0)
            return reading;

        // Two of xl's messages do not end their line; "Parsing config from" follows on it.
        var unended = Reading.Message.EndsWith("invalid autoballoon option", StringComparison.Ordinal)
            || Reading.Message.EndsWith("invalid domid_policy option", StringComparison.Ordinal);
        var message = Reading.Message + (unended ? $"Parsing config from {XlReader.GuestFileName}" : "");
        return reading with { Message = reading.Message.Length == 0 ? message : $"{message}\n{reading.Message}" };
    }

    /// <summary>The file with these defaults in force; null takes a setting out.</summary>
    public XlConf WithDefaults(VifDefaults defaults)
    {
        var conf = this;
        conf = conf.With("vif.default.script", "vifscript", conf.Defaults.Script, defaults.Script);
        conf = conf.With("vif.default.bridge", "defaultbridge", conf.Defaults.Bridge, defaults.Bridge);
        conf = conf.With("vif.default.backend", null, conf.Defaults.Backend, defaults.Backend);
        return conf.With("vif.default.gatewaydev", null, conf.Defaults.GatewayDev, defaults.GatewayDev);
    }

    private string? Effective(string name, string? deprecated) =>
        _settings.FindString(name) ?? (deprecated is null ? null : _settings.FindString(deprecated));

    private XlConf With(string name, string? deprecated, string? current, string? wanted)
    {
        if (current == wanted)
            return this;
        if (wanted is not null)
        {
            var spelled = _settings.FindString(name) is null && deprecated is not null && _settings.FindString(deprecated) is not null
                ? deprecated
                : name;
            return Parse(_settings.Find(spelled) is null
                ? ConfigEditor.AddLine(Syntax.Text, $"{name}={ConfigEditor.Quote(XlText.Encode(wanted), '"')}")
                : ConfigEditor.SetString(Syntax, _settings, spelled, wanted));
        }

        return Parse(ConfigEditor.Remove(Syntax, name, deprecated));
    }
}
