using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Xlnet.Migrations.Migrations
{
    /// <inheritdoc />
    public partial class BridgePortsAndConfirmation : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "confirm_by",
                table: "operations",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "confirm_seconds",
                table: "operations",
                type: "integer",
                nullable: true);

            migrationBuilder.AddColumn<bool>(
                name: "confirmed",
                table: "operations",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "dead_man_fires_at",
                table: "operations",
                type: "timestamp with time zone",
                nullable: true);

            migrationBuilder.AddColumn<int>(
                name: "dead_man_number",
                table: "operations",
                type: "integer",
                nullable: false,
                defaultValue: 0);

            migrationBuilder.AddColumn<string[]>(
                name: "ports",
                table: "bridges",
                type: "text[]",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "confirm_by",
                table: "operations");

            migrationBuilder.DropColumn(
                name: "confirm_seconds",
                table: "operations");

            migrationBuilder.DropColumn(
                name: "confirmed",
                table: "operations");

            migrationBuilder.DropColumn(
                name: "dead_man_fires_at",
                table: "operations");

            migrationBuilder.DropColumn(
                name: "dead_man_number",
                table: "operations");

            migrationBuilder.DropColumn(
                name: "ports",
                table: "bridges");
        }
    }
}
