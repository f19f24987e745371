using System;
using Microsoft.EntityFrameworkCore.Migrations;

#nullable disable

namespace Xlnet.Migrations.Migrations
{
    /// <inheritdoc />
    public partial class AddOperationLostSince : Migration
    {
        /// <inheritdoc />
        protected override void Up(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.AddColumn<DateTimeOffset>(
                name: "lost_since",
                table: "operations",
                type: "timestamp with time zone",
                nullable: true);
        }

        /// <inheritdoc />
        protected override void Down(MigrationBuilder migrationBuilder)
        {
            migrationBuilder.DropColumn(
                name: "lost_since",
                table: "operations");
        }
    }
}
