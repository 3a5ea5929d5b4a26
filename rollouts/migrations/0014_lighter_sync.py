"""Less for a sync to write: no time of its own in each org, no index that nobody reads."""

import django.db.models.deletion
from django.db import migrations, models


def _fill_by_half(apps, schema_editor):
    # Each full sync renews a time in every row; beside the old row it needs no new index entries.
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE rollouts_installation SET (fillfactor = 50)")


def _fill_fully(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("ALTER TABLE rollouts_installation RESET (fillfactor)")


class Migration(migrations.Migration):

    dependencies = [
        ('rollouts', '0013_calendar'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='org',
            name='seen_at',
        ),
        migrations.AlterField(
            model_name='installation',
            name='org',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='installations', to='rollouts.org'),
        ),
        migrations.AlterField(
            model_name='installation',
            name='package',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='installations', to='rollouts.package'),
        ),
        migrations.AlterField(
            model_name='org',
            name='folded',
            field=models.CharField(help_text='name without accents', max_length=512),
        ),
        migrations.AlterField(
            model_name='org',
            name='name',
            field=models.CharField(max_length=255),
        ),
        migrations.AlterField(
            model_name='org',
            name='parent_key',
            field=models.CharField(blank=True, max_length=18),
        ),
        migrations.AddIndex(
            model_name='org',
            index=models.Index(fields=['parent_key'], name='rollouts_or_parent__9c23f4_idx'),
        ),
        migrations.RunPython(_fill_by_half, _fill_fully, elidable=False),
    ]
