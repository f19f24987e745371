using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Xlnet.Migrations.Migrations
{
    /// <inheritdoc />
    public partial class SshHosts : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<string>(
                name: "ssh",
                table: "hosts",
                type: "jsonb",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "ssh",
                table: "hosts");
        }
    }
}
