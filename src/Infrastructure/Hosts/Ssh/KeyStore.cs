using Renci.SshNet;
using Renci.SshNet.Common;
using Xlnet.Domain.Common;

namespace Xlnet.Infrastructure.Hosts.Ssh;

/// <summary>
/// The private keys with which xlnet logs in to hosts: one file each in a directory of the service's own, or in a mounted secret. A key
/// is named wherever it is meant, and read when a connection is made; nothing of it stands in an answer, the database or a log.
/// </summary>
/// <param name="directory">Its files' names are the keys' names.</param>
public sealed class KeyStore(string directory)
{
    private const UnixFileMode NotTheOwner = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    private const UnixFileMode Mounted = UnixFileMode.UserRead | UnixFileMode.GroupRead;

    /// <exception cref="HostShellException">There is none of that name, or it cannot be used.</exception>
    internal PrivateKeyFile Open(string name)
    {
        var path = Path.Combine(Path.GetFullPath(directory), name);
        if (!ResourceName.TryParse(name, null, out _) || !File.Exists(path))
            throw Failed(HostShellError.KeyMissing, $"There is no private key '{name}': put it into the service's key directory, in a file of that name with mode 0600.");
        try
        {
            Check(name, path);
            return new PrivateKeyFile(path);
        }
        catch (SshPassPhraseNullOrEmptyException)
        {
            // Not the parser's own exception as the inner one, here and below: nothing that has read the key reaches a log.
            throw Unusable("it is protected by a passphrase, which the service has nobody to ask for. 'ssh-keygen -p -N \"\" -f FILE' takes it off");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw Unusable("the service's user cannot read it");
        }
        catch (Exception e) when (e is SshException or FormatException or ArgumentException or NotSupportedException or InvalidOperationException
            or System.Security.Cryptography.CryptographicException or IndexOutOfRangeException or OverflowException)
        {
            throw Unusable("it holds no private key in the form of OpenSSH or PEM");
        }

        HostShellException Unusable(string why) => Failed(HostShellError.KeyUnusable, $"The private key '{name}' cannot be used: {why}.");

        HostShellException Failed(HostShellError error, string message) =>
            new(error, message) { Evidence = new Dictionary<string, object?> { ["key"] = name } };
    }

    /// <summary>As ssh(1) does. 0440 besides: so a container sees a secret that is mounted for its group, which nobody can write.</summary>
    private static void Check(string name, string path)
    {
        var mode = ((FileInfo?)File.ResolveLinkTarget(path, returnFinalTarget: true) ?? new FileInfo(path)).UnixFileMode;
        if ((mode & NotTheOwner) == 0 || mode == Mounted)
            return;
        var octal = Convert.ToString((int)mode, 8).PadLeft(4, '0');
        throw new HostShellException(
            HostShellError.KeyUnusable,
            $"The private key '{name}' cannot be used: others than its owner can reach it (mode {octal}). Mode 0600 is right, or 0440 for a mounted secret.")
        {
            Evidence = new Dictionary<string, object?> { ["key"] = name, ["mode"] = octal },
        };
    }
}
