using System;
using System.Net;
using Microsoft.EntityFrameworkCore.Migrations;
using Npgsql.EntityFrameworkCore.PostgreSQL.Metadata;

#nullable disable

namespace Xlnet.Migrations.Migrations
{
    /// <inheritdoc />
    public partial class Subnets : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "subnet",
                table: "vifs",
                type: "text",
                nullable: true);

            migrationBuilder.CreateTable(
                name: "subnets",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    host_id = table.Column<long>(type: "bigint", nullable: false),
                    name = table.Column<string>(type: "text", nullable: false),
                    description = table.Column<string>(type: "text", nullable: true),
                    cidr = table.Column<IPNetwork>(type: "cidr", nullable: false),
                    bridge = table.Column<string>(type: "text", nullable: true),
                    mode = table.Column<string>(type: "text", nullable: true),
                    first = table.Column<IPAddress>(type: "inet", nullable: false),
                    last = table.Column<IPAddress>(type: "inet", nullable: false),
                    gateway = table.Column<IPAddress>(type: "inet", nullable: true),
                    quarantine = table.Column<TimeSpan>(type: "interval", nullable: false),
                    next = table.Column<long>(type: "bigint", nullable: false),
                    created_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    version = table.Column<int>(type: "integer", nullable: false)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_subnets", x => x.id);
                    table.UniqueConstraint("ux_subnets_host_name", x => new { x.host_id, x.name });
                    table.ForeignKey(
                        name: "fk_subnets_hosts_host_id",
                        column: x => x.host_id,
                        principalTable: "hosts",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "subnet_addresses",
                columns: table => new
                {
                    subnet_id = table.Column<long>(type: "bigint", nullable: false),
                    address = table.Column<IPAddress>(type: "inet", nullable: false),
                    state = table.Column<string>(type: "text", nullable: false),
                    holder = table.Column<string>(type: "text", nullable: false),
                    since = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    available_at = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_subnet_addresses", x => new { x.subnet_id, x.address });
                    table.ForeignKey(
                        name: "fk_subnet_addresses_subnets_subnet_id",
                        column: x => x.subnet_id,
                        principalTable: "subnets",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateTable(
                name: "subnet_holdings",
                columns: table => new
                {
                    id = table.Column<long>(type: "bigint", nullable: false)
                        .Annotation("Npgsql:ValueGenerationStrategy", NpgsqlValueGenerationStrategy.IdentityByDefaultColumn),
                    subnet_id = table.Column<long>(type: "bigint", nullable: false),
                    address = table.Column<IPAddress>(type: "inet", nullable: false),
                    holder = table.Column<string>(type: "text", nullable: false),
                    state = table.Column<string>(type: "text", nullable: false),
                    held_from = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: false),
                    held_until = table.Column<DateTimeOffset>(type: "timestamp with time zone", nullable: true)
                },
                constraints: table =>
                {
                    table.PrimaryKey("pk_subnet_holdings", x => x.id);
                    table.ForeignKey(
                        name: "fk_subnet_holdings_subnets_subnet_id",
                        column: x => x.subnet_id,
                        principalTable: "subnets",
                        principalColumn: "id",
                        onDelete: ReferentialAction.Cascade);
                });

            migrationBuilder.CreateIndex(
                name: "ix_vifs_host_id_subnet",
                table: "vifs",
                columns: new[] { "host_id", "subnet" });

            migrationBuilder.CreateIndex(
                name: "ix_subnet_addresses_free",
                table: "subnet_addresses",
                columns: new[] { "subnet_id", "available_at" },
                filter: "state = 'quarantined'");

            migrationBuilder.CreateIndex(
                name: "ix_subnet_addresses_holder",
                table: "subnet_addresses",
                columns: new[] { "subnet_id", "holder" })
                .Annotation("Npgsql:IndexOperators", new[] { "int8_ops", "text_pattern_ops" });

            migrationBuilder.CreateIndex(
                name: "ix_subnet_holdings_address",
                table: "subnet_holdings",
                columns: new[] { "subnet_id", "address", "id" });

            migrationBuilder.AddForeignKey(
                name: "fk_vifs_subnet",
                table: "vifs",
                columns: new[] { "host_id", "subnet" },
                principalTable: "subnets",
                principalColumns: new[] { "host_id", "name" });
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropForeignKey(
                name: "fk_vifs_subnet",
                table: "vifs");

            migrationBuilder.DropTable(
                name: "subnet_addresses");

            migrationBuilder.DropTable(
                name: "subnet_holdings");

            migrationBuilder.DropTable(
                name: "subnets");

            migrationBuilder.DropIndex(
                name: "ix_vifs_host_id_subnet",
                table: "vifs");

            migrationBuilder.DropColumn(
                name: "subnet",
                table: "vifs");
        }
    }
}
