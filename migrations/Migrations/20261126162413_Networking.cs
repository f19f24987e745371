using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Xlnet.Migrations.Migrations
{
    /// <inheritdoc />
    public partial class Networking : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "networking",
                table: "hosts",
                type: "jsonb",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "networking_state",
                table: "hosts",
                type: "jsonb",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "networking",
                table: "hosts");

            migrationBuilder.DropColumn(
                name: "networking_state",
                table: "hosts");
        }
    }
}
