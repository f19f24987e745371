using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Xlnet.Migrations.Migrations
{
    /// <inheritdoc />
    public partial class VifVlansAndLocking : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "locking",
                table: "vifs",
                type: "text",
                nullable: false,
                defaultValue: "unlocked");

            migrationBuilder.AddColumn<bool>(
                name: "script_follows",
                table: "vifs",
                type: "boolean",
                nullable: false,
                defaultValue: false);

            migrationBuilder.AddColumn<bool>(
                name: "vlan_in_bridge",
                table: "vifs",
                type: "boolean",
                nullable: false,
                defaultValue: false);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "locking",
                table: "vifs");

            migrationBuilder.DropColumn(
                name: "script_follows",
                table: "vifs");

            migrationBuilder.DropColumn(
                name: "vlan_in_bridge",
                table: "vifs");
        }
    }
}
