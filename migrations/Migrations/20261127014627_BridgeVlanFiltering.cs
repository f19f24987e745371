using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Xlnet.Migrations.Migrations
{
    /// <inheritdoc />
    public partial class BridgeVlanFiltering : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string[]>(
                name: "vlan_bridges",
                table: "hosts",
                type: "text[]",
                nullable: false,
                defaultValue: new string[0]);

            migrationBuilder.AddColumn<string[]>(
                name: "vlan_scripts",
                table: "hosts",
                type: "text[]",
                nullable: false,
                defaultValue: new string[0]);

            migrationBuilder.AddColumn<bool>(
                name: "vlan_filtering",
                table: "bridges",
                type: "boolean",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "vlan_bridges",
                table: "hosts");

            migrationBuilder.DropColumn(
                name: "vlan_scripts",
                table: "hosts");

            migrationBuilder.DropColumn(
                name: "vlan_filtering",
                table: "bridges");
        }
    }
}
