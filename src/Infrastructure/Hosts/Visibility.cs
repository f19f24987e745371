using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Xlnet.Hosts.Tests")]
