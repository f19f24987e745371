using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Xlnet.Migrations.Migrations
{
    /// <inheritdoc />
    public partial class Adoption : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string[]>(
                name: "targets",
                table: "operations",
                type: "text[]",
                nullable: true);

            migrationBuilder.AddColumn<string>(
                name: "file_path",
                table: "guests",
                type: "text",
                nullable: true);

            migrationBuilder.CreateIndex(
                name: "ux_guests_host_file_path",
                table: "guests",
                columns: new[] { "host_id", "file_path" },
                unique: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropIndex(
                name: "ux_guests_host_file_path",
                table: "guests");

            migrationBuilder.DropColumn(
                name: "targets",
                table: "operations");

            migrationBuilder.DropColumn(
                name: "file_path",
                table: "guests");
        }
    }
}
