using System.Collections;
using System.ComponentModel;
using System.ComponentModel.DataAnnotations;
using System.Reflection;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using Npgsql;
using Xlnet.Api.Access;
using Xlnet.Infrastructure;
using Xlnet.Infrastructure.Data;

namespace Xlnet.Api.Common;

/// <summary>
/// The service's settings are checked before it does anything: a misspelled one would otherwise be as good as not given, and what it was
/// to keep apart would be open.
/// </summary>
internal static class Settings
{
    private const string Section = "Xlnet";

    /// <summary>What has classes of its own below it.</summary>
    private static readonly (string Name, Type Type)[] Parts = [("Authentication", typeof(AccessOptions)), ("RateLimit", typeof(QuotaOptions))];

    private const string ConnectionName = $"ConnectionStrings__{Section}";

    /// <summary>Says what is wrong, a line each.</summary>
    /// <returns>Whether anything is.</returns>
    public static bool Refuse(IReadOnlyCollection<string> problems)
    {
        foreach (var problem in problems)
            Console.Error.WriteLine($"xlnet does not start: {problem}");
        return problems.Count > 0;
    }

    /// <returns>What is wrong with the settings as they are written; empty when nothing is.</returns>
    public static IReadOnlyCollection<string> Check(IConfiguration configuration)
    {
        List<string> problems = [];
        CheckObject(configuration.GetSection(Section), typeof(XlnetOptions), problems, Parts);
        CheckConnection(configuration.GetConnectionString(Section), problems);
        if (problems.Count == 0)
            CheckMeaning(configuration.GetSection(Section), problems);
        return problems;
    }

    /// <returns>What is wrong with what they mean, each by itself and together.</returns>
    public static IReadOnlyCollection<string> CheckMeaning(IServiceProvider services)
    {
        try
        {
            services.GetRequiredService<IStartupValidator>().Validate();
            return [];
        }
        catch (OptionsValidationException e)
        {
            return [.. e.Failures];
        }
        catch (AggregateException e)
        {
            return [.. e.Flatten().InnerExceptions.SelectMany(i => (i as OptionsValidationException)?.Failures ?? [i.Message])];
        }
    }

    /// <summary>Brings the database up to date.</summary>
    /// <returns>Why it cannot be reached or entered, which is the setting's fault more often than the database's.</returns>
    public static async Task<IReadOnlyCollection<string>> SetUpDatabaseAsync(this WebApplication app)
    {
        try
        {
            await using var db = await app.Services.GetRequiredService<IDbContextFactory<XlnetDbContext>>().CreateDbContextAsync();
            await DatabaseSetup.RunAsync(db, app.Services.GetRequiredService<TimeProvider>(), CancellationToken.None);
            return [];
        }
        catch (NpgsqlException e) when (e is not PostgresException { SqlState: not ("28000" or "28P01" or "3D000" or "57P03" or "53300") })
        {
            return [$"the database of {ConnectionName} cannot be used: {e.Message.ReplaceLineEndings(" ")}"];
        }
    }

    /// <summary>The names of all settings, as the environment has them; an <c>N</c> stands for the number of a list's item.</summary>
    public static IEnumerable<string> Names() =>
        Names(typeof(XlnetOptions), Section + "__").Concat(Parts.SelectMany(p => Names(p.Type, $"{Section}__{p.Name}__")));

    private static IEnumerable<string> Names(Type type, string prefix) => Properties(type).SelectMany(p =>
        IsSimple(p.PropertyType) ? [prefix + p.Name]
        : ItemType(p.PropertyType) is not { } item ? Names(p.PropertyType, $"{prefix}{p.Name}__")
        : IsSimple(item) ? [$"{prefix}{p.Name}__N"] : Names(item, $"{prefix}{p.Name}__N__"));

    private static void CheckObject(IConfigurationSection section, Type type, List<string> problems, params (string Name, Type Type)[] parts)
    {
        var known = Properties(type).Select(p => (p.Name, Type: p.PropertyType)).Concat(parts).ToList();
        foreach (var child in section.GetChildren())
        {
            if (known.FirstOrDefault(p => p.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase)) is { Name: not null } setting)
                CheckValue(child, setting.Type, problems);
            else
                problems.Add($"{Variable(child)} is no setting; there are {string.Join(", ", known.Select(p => Variable(section) + "__" + p.Name))}.");
        }
    }

    private static void CheckValue(IConfigurationSection section, Type type, List<string> problems)
    {
        if (ItemType(type) is { } item)
        {
            foreach (var child in section.GetChildren())
                CheckValue(child, item, problems);
        }
        else if (!IsSimple(type))
        {
            CheckObject(section, type, problems);
        }
        else if (section.GetChildren().FirstOrDefault() is { } child)
        {
            problems.Add($"{Variable(child)} is no setting: {Variable(section)} has one value, and none below it.");
        }
        else if (!Converts(section.Value, type))
        {
            problems.Add($"{Variable(section)} is '{section.Value}', which is no {Kind(type)}.");
        }
    }

    private static void CheckConnection(string? text, List<string> problems)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            problems.Add($"{ConnectionName} is not set: it names the PostgreSQL database that xlnet is to use, such as Host=/run/postgresql;Username=xlnet;Database=xlnet. ./run starts one.");
            return;
        }

        try
        {
            if (new NpgsqlConnectionStringBuilder(text) is { Host: null or "" })
                problems.Add($"{ConnectionName} has no Host.");
        }
        catch (Exception e) when (e is ArgumentException or FormatException or InvalidCastException or OverflowException)
        {
            // The text may hold a password, and the message does not hold the text.
            problems.Add($"{ConnectionName} is no Npgsql connection string: {e.Message}");
        }
    }

    private static void CheckMeaning(IConfigurationSection section, List<string> problems)
    {
        var options = section.Get<XlnetOptions>() ?? new XlnetOptions();
        List<ValidationResult> results = [];
        Validator.TryValidateObject(options, new ValidationContext(options), results, validateAllProperties: true);
        problems.AddRange(results.Select(r => $"{Section}__{r.MemberNames.FirstOrDefault()}: {r.ErrorMessage}"));
        if (results.Count > 0)
            return;
        try
        {
            Directory.CreateDirectory(options.DataDirectory);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ArgumentException or NotSupportedException)
        {
            problems.Add($"{Section}__{nameof(XlnetOptions.DataDirectory)} is '{options.DataDirectory}', which cannot be made: {e.Message}");
        }

        if (options.KeyDirectory is { } keys && !Directory.Exists(keys))
            problems.Add($"{Section}__{nameof(XlnetOptions.KeyDirectory)} is '{keys}', which is no directory.");
    }

    private static IEnumerable<PropertyInfo> Properties(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.SetMethod is { IsPublic: true } || ItemType(p.PropertyType) is not null);

    private static Type? ItemType(Type type) =>
        type == typeof(string) || !typeof(IEnumerable).IsAssignableFrom(type) ? null
        : type.IsArray ? type.GetElementType()
        : type.GetGenericArguments().LastOrDefault();

    private static bool IsSimple(Type type) => ItemType(type) is null && TypeDescriptor.GetConverter(type).CanConvertFrom(typeof(string));

    private static bool Converts(string? value, Type type)
    {
        try
        {
            return Nullable.GetUnderlyingType(type) is not null && string.IsNullOrEmpty(value)
                || TypeDescriptor.GetConverter(type).ConvertFromInvariantString(value ?? "") is not null;
        }
        catch (Exception e) when (e is FormatException or ArgumentException or NotSupportedException || e.InnerException is FormatException or OverflowException)
        {
            return false;
        }
    }

    private static string Kind(Type type)
    {
        type = Nullable.GetUnderlyingType(type) ?? type;
        return type == typeof(bool) ? "boolean: give true or false"
            : type.IsEnum ? $"name of: {string.Join(", ", Enum.GetNames(type))}"
            : type == typeof(TimeSpan) ? "time: give hh:mm:ss"
            : type == typeof(int) || type == typeof(long) || type == typeof(double) ? "number"
            : type.Name;
    }

    private static string Variable(IConfigurationSection section) => section.Path.Replace(":", "__", StringComparison.Ordinal);
}
