using System.Collections;

namespace Xlnet.Domain.Xl;

/// <summary>A list that is made when it is first looked into; its length is known before.</summary>
internal sealed class LazyList<T>(int count, Func<IReadOnlyList<T>> make) : IReadOnlyList<T>
{
    private readonly Lazy<IReadOnlyList<T>> _items = new(make);

    public int Count => count;

    public T this[int index] => _items.Value[index];

    public IEnumerator<T> GetEnumerator() => _items.Value.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
