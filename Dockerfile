# syntax=docker/dockerfile:1

# On the machine that builds, for the one that runs it (docker buildx --platform).
FROM --platform=$BUILDPLATFORM mcr.microsoft.com/dotnet/sdk:10.0 AS build
ARG TARGETARCH
WORKDIR /source
# The packages first, in a layer of their own that a change of the code does not make anew.
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY src/Domain/Domain.csproj src/Domain/packages.lock.json src/Domain/
COPY src/Infrastructure/Infrastructure.csproj src/Infrastructure/packages.lock.json src/Infrastructure/
COPY migrations/Migrations.csproj migrations/packages.lock.json migrations/
COPY src/Api/Api.csproj src/Api/packages.lock.json src/Api/
RUN dotnet restore src/Api --locked-mode -a $TARGETARCH
COPY .editorconfig ./
COPY src/ src/
COPY migrations/ migrations/
RUN dotnet publish src/Api -c Release -a $TARGETARCH --no-restore -o /app --nologo

FROM mcr.microsoft.com/dotnet/aspnet:10.0
WORKDIR /app
COPY --from=build /app ./
# APP_UID is the image's own unprivileged user. A volume takes over this directory's owner.
RUN mkdir /data && chown "$APP_UID" /data
USER $APP_UID
VOLUME /data
# On every address of the container: xlnet then refuses to start without authentication, unless it is
# told that what reaches it may do everything (docker-compose.yml tells it, and says why).
ENV ASPNETCORE_HTTP_PORTS= \
    ASPNETCORE_URLS=http://0.0.0.0:8080 \
    Xlnet__DataDirectory=/data
EXPOSE 8080
# The image has no curl; bash opens the connection.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /readyz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r _ status _ <&3 && [ \"$status\" = 200 ]"]
ENTRYPOINT ["dotnet", "Xlnet.Api.dll"]
